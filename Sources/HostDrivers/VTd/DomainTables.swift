import Hardware
import PageTables

/// The tables of a domain that its driver builds.
enum DomainTables {
  /// None: addresses pass unchanged, or somebody else owns the tables.
  case none
  /// A second stage.
  case second(PageTableBuilder<VTdSecondStage>)
  /// A first stage, whose table pointers are physical.
  case first(PageTableBuilder<X86FirstStage>)

  /// Maps a range; the tables must exist.
  func map<Output: Address>(
    _ iova: IOVirtualAddress, to target: Output, length: UInt64, permissions: Permissions, largestPageLog2: UInt8
  ) throws(PageTableError) {
    switch self {
    case .none: break
    case .second(let builder):
      try builder.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    case .first(let builder):
      try builder.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    }
  }

  /// Unmaps a range and appends the tables that become empty.
  func unmap(_ iova: IOVirtualAddress, length: UInt64, freed: inout [PhysicalAddress]) throws(PageTableError) -> UInt64 {
    switch self {
    case .none: 0
    case .second(let builder): try builder.unmap(iova, length: length, freed: &freed)
    case .first(let builder): try builder.unmap(iova, length: length, freed: &freed)
    }
  }

  /// Whether an address is mapped.
  func maps(_ iova: IOVirtualAddress) -> Bool {
    switch self {
    case .none: return false
    case .second(let builder):
      let (entry, level) = builder.lookup(iova)
      return builder.format.classify(entry, level: level) == .leaf
    case .first(let builder):
      let (entry, level) = builder.lookup(iova)
      return builder.format.classify(entry, level: level) == .leaf
    }
  }
}
