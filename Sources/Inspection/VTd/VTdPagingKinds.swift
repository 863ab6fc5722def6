import Hardware
import VTdArchitecture

extension VTdVocabulary {
  /// Entries of first-stage and second-stage tables: `fs-pt`, `ss-pd`, ...
  var pagingKinds: [StructureKind] {
    (1...5 as ClosedRange<UInt8>).flatMap { level in
      let name = PagingLevel.name(level)
      return [
        StructureKind("ss-\(name.lowercased())", aliases: ["ss-\(level)"], "second-stage entry, level \(level)", words: 1...1) {
          secondStage($0[0], level: level)
        },
        StructureKind("fs-\(name.lowercased())", aliases: ["fs-\(level)"], "first-stage entry, level \(level)", words: 1...1) {
          firstStage($0[0], level: level)
        },
      ]
    }.sorted { $0.name < $1.name }
  }

  func secondStage(_ entry: UInt64, level: UInt8) -> Decoding {
    let isLeaf = SecondStageEntry.isLeaf(entry, level: level)
    let layout = SecondStageEntry.layout(level: level, isLeaf: isLeaf, hostAddressWidth: unit.hostAddressWidth)
    let isPresent = SecondStageEntry.isPresent(entry)
    let rights = "\(entry[bit: 0] ? "r" : "-")\(entry[bit: 1] ? "w" : "-")"
    return paging(entry, layout, kind: "ss", level: level, isLeaf: isLeaf, isPresent: isPresent, rights: rights, absence: "R and W are 0")
  }

  func firstStage(_ entry: UInt64, level: UInt8) -> Decoding {
    let isLeaf = FirstStageEntry.isLeaf(entry, level: level)
    let layout = FirstStageEntry.layout(level: level, isLeaf: isLeaf, hostAddressWidth: unit.hostAddressWidth)
    let rights = "\(entry[bit: 1] ? "rw" : "r-") \(entry[bit: 2] ? "user" : "supervisor")"
    return paging(
      entry, layout, kind: "fs", level: level, isLeaf: isLeaf, isPresent: FirstStageEntry.isPresent(entry), rights: rights,
      absence: "P is 0")
  }

  private func paging(
    _ entry: UInt64, _ layout: StructureDeclaration, kind: String, level: UInt8, isLeaf: Bool, isPresent: Bool, rights: String,
    absence: String
  ) -> Decoding {
    let kind = "\(kind)-\(PagingLevel.name(level).lowercased())"
    var decoding = Decoding([entry], layout, in: self, kind: kind, isPresent: isPresent)
    guard isPresent else {
      decoding.summary = "not present: \(absence), nothing else counts"
      return decoding
    }
    let address = decoding.fields.first { $0.name == "ADDR" }?.reading ?? "0x0"
    let sizes = ["4 KiB", "2 MiB", "1 GiB"]
    let maps = isLeaf && sizes.indices.contains(Int(level) - 1)
    decoding.summary = maps ? "\(sizes[Int(level) - 1]) page at \(address), \(rights)" : "next table at \(address), \(rights)"
    return decoding
  }
}
