import Hardware
import HostDrivers

/// How a replay's address spaces are made and mapped, whatever the stages.
extension ReplayEngine {
  /// The kind of the address spaces of this replay.
  func spaceKind(passThrough: Bool) throws(HostDriverError) -> AddressSpaceKind {
    if passThrough { return .passThrough }
    switch machine.configuration.stages {
    case .legacy, .second: return .secondStage
    case .first: return .firstStage
    case .nested: return .nested(parent: try guestMemory().pointee.space)
    case .passThrough: return .passThrough
    }
  }

  /// Maps a range in an address space; with both stages the first maps it, once the guest has the memory that it leads to.
  func map(
    _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError) {
    guard machine.configuration.stages == .nested else {
      return try driver.map(iova, to: target, length: length, permissions: permissions, in: space, largestPageLog2: largestPageLog2)
    }
    let target = GuestPhysicalAddress(target.rawValue)
    try guestMemory().pointee.provide(target, length: length, by: driver)
    try driver.map(iova, to: target, length: length, permissions: permissions, in: space, largestPageLog2: largestPageLog2)
  }

  private func guestMemory() throws(HostDriverError) -> UnsafeMutablePointer<GuestMemory> {
    if let guest { return guest.pointer }
    let memory = GuestMemory(try driver.makeAddressSpace(.secondStage), pageSizeLog2: machine.configuration.mapping.guestPage.log2)
    let made = UniqueBox(memory)
    guest = made
    return made.pointer
  }
}
