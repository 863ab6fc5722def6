import Hardware
import VTdArchitecture

extension VTdVocabulary {
  /// Root, context and PASID entries, and interrupt remapping entries.
  var entryKinds: [StructureKind] {
    [
      StructureKind("root", aliases: ["root-entry"], "root entry, legacy mode", words: 1...2, guessedFrom: [2]) { root($0) },
      StructureKind("context", aliases: ["context-entry"], "context entry, legacy mode", words: 1...2, guessedFrom: [2]) { context($0) },
      StructureKind("scalable-root", aliases: ["sm-root"], "root entry, scalable mode", words: 1...2, guessedFrom: [2]) {
        scalableRoot($0)
      },
      StructureKind("scalable-context", aliases: ["sm-context"], "context entry, scalable mode", words: 1...4, guessedFrom: [4]) {
        scalableContext($0)
      },
      StructureKind("pasid-directory", aliases: ["pasid-dir"], "PASID directory entry", words: 1...1) { directory($0) },
      StructureKind("pasid-entry", aliases: ["pasid"], "PASID table entry", words: 1...8, guessedFrom: [8]) { pasidEntry($0) },
      StructureKind("irte", "interrupt remapping table entry", words: 1...2) { interruptEntry($0) },
    ]
  }

  private var rules: EntryRules { EntryRules(unit, options: EntryRules.Options(revision: revision)) }

  /// An entry by its layout, judged by the unit's rules.
  ///
  /// - Parameters:
  ///   - reserved: The reserved bits of each word, those included that depend on widths.
  ///   - fault: What the unit finds wrong.
  private func entry(
    _ words: [UInt64], _ layout: StructureDeclaration, kind: String, isPresent: Bool, reserved: [UInt64], fault: FaultReason?
  ) -> Decoding {
    var decoding = Decoding(words, layout, in: self, kind: kind, isPresent: isPresent)
    guard isPresent else {
      decoding.summary = "not present: nothing but P and FPD counts"
      return decoding
    }
    decoding.warnings = []
    decoding.warn(
      ofReserved: (0..<words.count * 64).filter { bit in
        words[bit / 64][bit: bit % 64] && reserved.indices.contains(bit / 64) && reserved[bit / 64][bit: bit % 64]
      })
    if let fault { decoding.warnings.append("a unit blocks every request with fault \(fault): \(fault.meaning ?? "reserved")") }
    return decoding
  }

  private func root(_ words: [UInt64]) -> Decoding {
    let root = RootEntry(words: [words[0], words[1]])
    var decoding = entry(
      words, RootEntry.layout, kind: "root", isPresent: root.present, reserved: rules.rootEntryReservedMask.list,
      fault: rules.fault(in: root))
    if root.present { decoding.summary = "context table at \(root.contextTable)" }
    return decoding
  }

  private func context(_ words: [UInt64]) -> Decoding {
    let context = ContextEntry(words: [words[0], words[1]])
    var decoding = entry(
      words, ContextEntry.layout, kind: "context", isPresent: context.present,
      reserved: rules.contextEntryReservedMask(context.type).list, fault: rules.fault(in: context))
    guard context.present else { return decoding }
    let table = "\(levels(context.width)) second stage at \(context.secondStageTable), domain \(context.domain)"
    decoding.summary =
      switch context.type {
      case .untranslatedOnly: table
      case .deviceTLB: "\(table), device-TLB"
      case .passThrough: "pass-through, domain \(context.domain)"
      case .reserved: "reserved translation type"
      }
    return decoding
  }

  private func scalableRoot(_ words: [UInt64]) -> Decoding {
    let root = ScalableRootEntry(words: [words[0], words[1]])
    let halves = [root[0], root[128]]
    var decoding = entry(
      words, ScalableRootEntry.layout, kind: "scalable-root", isPresent: halves.contains { $0.present },
      reserved: halves.map { $0.present ? rules.scalableRootEntryReservedMask : 0 },
      fault: halves.lazy.filter { $0.present }.compactMap { rules.fault(in: $0) }.first)
    let names = zip(["devices 0 to 15", "devices 16 to 31"], halves).map { name, half in
      half.present ? "\(name): context table at \(half.contextTable)" : "\(name): not present"
    }
    decoding.summary = names.joined(separator: "; ")
    return decoding
  }

  private func scalableContext(_ words: [UInt64]) -> Decoding {
    let context = ScalableContextEntry(words: [words[0], words[1], words[2], words[3]])
    var decoding = entry(
      words, ScalableContextEntry.layout, kind: "scalable-context", isPresent: context.present,
      reserved: rules.scalableContextEntryReservedMask.list, fault: rules.fault(in: context))
    guard context.present else { return decoding }
    decoding.summary =
      "PASID directory at \(context.directory) for PASIDs below 0x\(String(context.pasidLimit, radix: 16)); requests without PASID use "
      + "\(context.requesterPASID)"
    return decoding
  }

  private func directory(_ words: [UInt64]) -> Decoding {
    let directory = PASIDDirectoryEntry(rawValue: words[0])
    var decoding = entry(
      words, PASIDDirectoryEntry.layout, kind: "pasid-directory", isPresent: directory.present,
      reserved: [rules.directoryEntryReservedMask], fault: rules.fault(in: directory))
    if directory.present { decoding.summary = "PASID table at \(directory.table)" }
    return decoding
  }

  private func pasidEntry(_ words: [UInt64]) -> Decoding {
    let entry = PASIDTableEntry(words: [words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]])
    var decoding = self.entry(
      words, PASIDTableEntry.layout, kind: "pasid-entry", isPresent: entry.present,
      reserved: rules.pasidTableEntryReservedMask(entry.stages).list, fault: rules.fault(in: entry))
    guard entry.present else { return decoding }
    let first = "\(entry.firstStageMode == 1 ? 5 : 4)-level first stage at \(entry.firstStageTable)"
    let second = "\(levels(entry.width)) second stage at \(entry.secondStageTable)"
    let stages =
      switch entry.stages {
      case .firstStage: first
      case .secondStage: second
      case .nested: "\(first) (guest physical) over \(second)"
      case .passThrough: "pass-through"
      case nil: "reserved translation type"
      }
    decoding.summary = "\(stages), domain \(entry.domain)"
    return decoding
  }

  private func interruptEntry(_ words: [UInt64]) -> Decoding {
    let layout = InterruptRemappingEntry.layout(isPosted: InterruptRemappingEntry.isPosted(words[0]))
    var decoding = Decoding(words, layout, in: self, kind: "irte", isPresent: words[0][bit: 0])
    if !decoding.isPresent { decoding.summary = "not present: nothing but P and FPD counts" }
    return decoding
  }

  private func levels(_ width: UInt8) -> String { (1...3).contains(width) ? "\(width + 2)-level" : "invalid width," }
}

extension SIMD where Scalar == UInt64 {
  /// The elements in their order.
  fileprivate var list: [UInt64] { indices.map { self[$0] } }
}
