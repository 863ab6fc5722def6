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
}
