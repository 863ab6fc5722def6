import Hardware
import PageTables
import VTdArchitecture

/// A domain: an address space and the id that the unit tags its translations with (VT-d rev 5.10 section 6.2.1).
///
/// The same domain id always means the same tables. Pass-through domains of scalable mode share one id, which no tables ever use.
final class Domain {
  /// The address space that callers know it as.
  let space: AddressSpace
  /// DID.
  let id: DomainID
  /// The second-stage tables; none if addresses pass unchanged.
  let secondStage: PageTableBuilder<VTdSecondStage>?
  /// How many routings lead here.
  var attachments = 0
  /// What hardware may still know although it is unmapped.
  var pending = PendingUnmaps()
  /// Addresses to hand out, for a domain that does so.
  var addresses: IOVAAllocator

  init(space: AddressSpace, id: DomainID, secondStage: PageTableBuilder<VTdSecondStage>?, addresses: IOVAAllocator) {
    self.space = space
    self.id = id
    self.secondStage = secondStage
    self.addresses = addresses
  }
}
