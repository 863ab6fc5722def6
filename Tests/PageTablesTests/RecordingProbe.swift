import Hardware
import PageTables

/// Notes everything that a walk does, in order, and may do something itself just before an update.
struct RecordingProbe: WalkProbe {
  enum Event: Hashable, CustomStringConvertible {
    case read(PhysicalAddress, level: UInt8)
    case update(PhysicalAddress, level: UInt8)
    case descended(level: UInt8, PhysicalAddress, AccessRights)

    var description: String {
      switch self {
      case .read(let address, let level): "read \(address) at \(level)"
      case .update(let address, let level): "update \(address) at \(level)"
      case .descended(let level, let table, let rights): "descended from \(level) to \(table) \(rights)"
      }
    }
  }

  var events: [Event] = []
  /// The second stage's translations of first-stage tables that a cache would have, by guest page.
  var knownTables: [UInt64: TableTranslation] = [:]
  /// Where a cache would have a walk of the second stage begin, by guest page.
  var secondStageStarts: [UInt64: WalkStart<PhysicalAddress>] = [:]
  /// What the second stage was walked for, and, if for a table, what was found.
  var secondStageWalks: [(address: GuestPhysicalAddress, level: UInt8, found: TableTranslation?)] = []
  /// What happens between the reading of an entry and its update, with the number of the update from 0.
  var beforeUpdate: ((Int, PhysicalAddress) -> Void)?
  private var updates = 0

  init(beforeUpdate: ((Int, PhysicalAddress) -> Void)? = nil) { self.beforeUpdate = beforeUpdate }

  mutating func willRead(_ address: PhysicalAddress, level: UInt8) { events.append(.read(address, level: level)) }

  mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) {
    events.append(.update(address, level: level))
    beforeUpdate?(updates, address)
    updates += 1
  }

  mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights) {
    events.append(.descended(level: level, PhysicalAddress(table.rawValue), rights))
  }

  mutating func knownTable(_ address: GuestPhysicalAddress, level: UInt8) -> TableTranslation? { knownTables[address.pageNumber(12)] }

  mutating func willWalkSecondStage(
    for address: GuestPhysicalAddress, level: UInt8, from root: WalkStart<PhysicalAddress>
  ) -> WalkStart<PhysicalAddress> {
    secondStageStarts[address.pageNumber(12)] ?? root
  }

  mutating func didWalkSecondStage(for address: GuestPhysicalAddress, level: UInt8, found: TableTranslation?) {
    secondStageWalks.append((address, level, found))
  }

  var reads: Int { events.count { if case .read = $0 { true } else { false } } }
}
