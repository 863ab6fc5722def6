import Hardware
import VTdArchitecture

extension VTdVocabulary {
  /// Descriptors, records, interrupt messages and codes.
  var messageKinds: [StructureKind] {
    [
      StructureKind(
        "descriptor", aliases: ["invalidation", "iq", "qi"], "invalidation descriptor of 128 or 256 bits", words: 1...4,
        guessedFrom: [2, 4]
      ) { decode(descriptor: $0) },
      StructureKind(
        "page-request", aliases: ["prq", "pr"], "page request descriptor", words: 2...4, guessedFrom: [4]
      ) { decode(pageRequest: $0) },
      StructureKind("fault-record", aliases: ["frcd", "fault"], "fault recording register", words: 2...2, guessedFrom: [2]) {
        decode(faultRecord: $0, kind: "fault-record")
      },
      StructureKind("reason", aliases: ["fault-reason"], "fault reason code", words: 1...1) { decode(reason: $0[0]) },
      StructureKind("msi-address", aliases: ["msi"], "address of an interrupt message, and its data", words: 1...2) {
        decode(message: $0)
      },
      StructureKind("msi-data", "data of an interrupt message, compatibility format", words: 1...1) {
        Decoding($0, InterruptMessageLayout.data(isRemappable: false), in: self, kind: "msi-data")
      },
    ]
  }

  // MARK: Page requests

  func decode(pageRequest words: [UInt64]) -> Decoding {
    var decoding = Decoding(words, PageRequestDescriptor.layout, in: self, kind: "page-request")
    let request = PageRequestDescriptor(words: [words[0], words[1], words[2], words[3]])
    let pasid = request.pasid.map { "with PASID \($0)" } ?? "without PASID"
    if words[0][bits: 0...7] != 1 {
      decoding.warnings.append("type \(words[0][bits: 0...7]) is not that of a page request, 1")
    }
    guard !request.isStopMarker else {
      decoding.summary = "stop marker of \(request.requester) \(pasid)"
      return decoding
    }
    let rights = [(request.read, "read"), (request.write, "write"), (request.execute, "execute")].filter(\.0).map(\.1)
    decoding.summary =
      "\(request.requester) \(pasid) asks for \(request.address) to \(rights.isEmpty ? "do nothing" : rights.joined(separator: " and ")), "
      + "group \(request.group)\(request.last ? ", last of it" : "")"
    return decoding
  }

  // MARK: Interrupt messages

  private func decode(message words: [UInt64]) -> Decoding {
    let isRemappable = InterruptMessageLayout.isRemappable(address: words[0])
    var decoding = Decoding([words[0]], InterruptMessageLayout.address(isRemappable: isRemappable), in: self, kind: "msi-address")
    if words[0][bits: 20...31] != InterruptMessageLayout.addressRange {
      decoding.warnings.append("bits 31:20 are not FEEh: a write to this address is no interrupt")
    }
    let data = Decoding([words[1]], InterruptMessageLayout.data(isRemappable: isRemappable), in: self, kind: "msi-data")
    let text = data.fields.map { "\($0.name) 0x\(String($0.value, radix: 16))\($0.reading.map { " (\($0))" } ?? "")" }
    decoding.notes.append("data 0x\(String(words[1], radix: 16)): \(text.joined(separator: ", "))")
    decoding.warnings += data.warnings.map { "data: \($0)" }
    if isRemappable {
      decoding.summary = "interrupt with index \(InterruptMessageLayout.index(address: words[0], data: words[1])) of the remapping table"
    } else {
      decoding.summary = "interrupt to destination \(words[0][bits: 12...19]), vector \(words[1][bits: 0...7])"
    }
    return decoding
  }

  /// What the address in an event's register says; the unit's own messages are never remapped.
  func explanation(ofMessageAddress address: UInt64) -> [String] {
    guard address[bits: 20...31] == InterruptMessageLayout.addressRange else {
      return ["an address outside FEEx_xxxxh raises no interrupt"]
    }
    let mode = address[bit: 2] ? "logical" : "physical"
    let hint = address[bit: 3] ? ", redirection hint" : ""
    return ["an interrupt to destination \(address[bits: 12...19]) (bits 7:0 of it), \(mode)\(hint)"]
  }

  /// What the data in an event's register says.
  func explanation(ofMessageData data: UInt64) -> [String] {
    let mode = InterruptMessageLayout.data(isRemappable: false).fields.first { $0.name == "DLM" }?.symbol(for: data[bits: 8...10])
    return ["vector \(data[bits: 0...7]), delivery mode \(mode ?? "reserved")"]
  }
}
