import Hardware
import Translation
import VTdArchitecture

/// The way of a request through root, context, directory and PASID entries, as they lie in memory (VT-d rev 5.10 section 3.4).
public struct StructurePath: Hashable, Sendable {
  /// Where the words lie that decide it, from the root entry on, as far as the entries before lead.
  public var places: [PhysicalAddress] = []
  /// How many of the places belong to root and context entry.
  public var contextPlaceCount = 0
  /// The words of the context entry, a legacy one in the first two; `nil` if it cannot be reached.
  public var contextEntry: SIMD4<UInt64>?
  /// The words of the PASID entry; `nil` in legacy mode and if it cannot be reached.
  public var pasidEntry: SIMD8<UInt64>?

  private mutating func read<Words: SIMD<UInt64>>(_ type: Words.Type, at place: PhysicalAddress, in memory: MemoryView) -> Words? {
    var words = Words()
    for index in words.indices {
      let word = place.advanced(by: UInt64(index) * 8)
      places.append(word)
      guard let value = memory.read64(word) else { return nil }
      words[index] = value
    }
    return words
  }

  /// The way of legacy mode.
  static func legacy(_ requester: RequesterID, root: PhysicalAddress, in memory: MemoryView) -> StructurePath {
    var path = StructurePath()
    defer { path.contextPlaceCount = path.places.count }
    let rootPlace = root.advanced(by: UInt64(requester.bus) * RootEntry.byteCount)
    guard let words = path.read(SIMD2<UInt64>.self, at: rootPlace, in: memory) else { return path }
    let entry = RootEntry(words: words)
    guard entry.present else { return path }
    let place = entry.contextTable.advanced(by: UInt64(requester.deviceFunction) * ContextEntry.byteCount)
    path.contextEntry = path.read(SIMD2<UInt64>.self, at: place, in: memory).map { SIMD4(lowHalf: $0, highHalf: .zero) }
    path.contextPlaceCount = path.places.count
    return path
  }

  /// The way of scalable mode; without a PASID, RID_PASID or 0 takes its place.
  static func scalable(
    _ requester: RequesterID, _ pasid: PASID?, usesRequesterPASID: Bool, root: PhysicalAddress, in memory: MemoryView
  ) -> StructurePath {
    var path = StructurePath()
    let half = root.advanced(by: UInt64(requester.bus) * ScalableRootEntry.byteCount + (requester.deviceFunction < 128 ? 0 : 8))
    let rootHalf = path.read(SIMD2<UInt64>.self, at: half, in: memory).map { ScalableRootHalf(rawValue: $0[0]) }
    if let rootHalf, rootHalf.present {
      let index = UInt64(requester.deviceFunction & 0x7F)
      let place = rootHalf.contextTable.advanced(by: index * ScalableContextEntry.byteCount)
      path.contextEntry = path.read(SIMD4<UInt64>.self, at: place, in: memory)
    }
    path.contextPlaceCount = path.places.count
    guard let words = path.contextEntry else { return path }
    let context = ScalableContextEntry(words: words)
    guard context.present else { return path }
    let key = pasid ?? (usesRequesterPASID ? context.requesterPASID : PASID(0))
    let directoryPlace = context.directory.advanced(by: PASIDDirectoryEntry.index(of: key) * PASIDDirectoryEntry.byteCount)
    path.places.append(directoryPlace)
    let directory = PASIDDirectoryEntry(rawValue: memory.read64(directoryPlace) ?? 0)
    guard directory.present else { return path }
    let place = directory.table.advanced(by: PASIDTableEntry.index(of: key) * PASIDTableEntry.byteCount)
    path.pasidEntry = path.read(SIMD8<UInt64>.self, at: place, in: memory)
    return path
  }
}
