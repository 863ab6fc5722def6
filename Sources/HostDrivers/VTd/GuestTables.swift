import Hardware
import PageTables

/// The part of a parent's guest physical memory that holds the first-stage tables of the domains nested in it, as far as the driver builds them.
///
/// It lies in the upper half of the guest physical addresses, each frame at its physical address and half the space: a guest whose memory begins at
/// 0 finds it out of its way.
final class GuestTables {
  /// Where the tables come from.
  let memory: TableMemory
  /// What is added to a frame's physical address.
  let displacement: UInt64

  private var lowest = UInt64.max
  private var highest: UInt64 = 0

  /// - Parameters:
  ///   - addressWidth: The bits of a guest physical address.
  ///   - parent: The second stage that turns these into physical ones.
  init(of tables: TableMemory, addressWidth: UInt8, in parent: PageTableBuilder<VTdSecondStage>) {
    let displacement: UInt64 = 1 << UInt64(addressWidth - 1)
    self.displacement = displacement
    memory = TableMemory(of: tables, displacement: displacement) { frame in
      guard frame.rawValue < displacement else { return false }
      let place = IOVirtualAddress(frame.rawValue &+ displacement)
      do throws(PageTableError) {
        try parent.map(place, to: frame, length: 4096, permissions: .readWrite, largestPageLog2: PageSizeLog2.size4K)
        return true
      } catch { return false }
    }
  }

  /// Where a guest finds a table.
  func address(of table: PhysicalAddress) -> GuestPhysicalAddress { GuestPhysicalAddress(table.rawValue &+ displacement) }

  /// Whether one of the frames lies in the given guest physical pages.
  func overlap(first: UInt64, last: UInt64) -> Bool {
    guard last >= displacement >> 12 else { return false }
    return memory.guestFrames.contains { (first...last).contains(address(of: $0).pageNumber(PageSizeLog2.size4K)) }
  }
}
