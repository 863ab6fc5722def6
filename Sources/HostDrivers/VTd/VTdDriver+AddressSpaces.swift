import Hardware
import PageTables
import VTdArchitecture

extension VTdDriver {
  /// The domain id of pass-through entries in scalable mode, which second-stage domains must never use (VT-d rev 5.10 section 6.2.1).
  static let passThroughDomainID = DomainID(1)

  /// Makes an empty address space that nobody is attached to.
  ///
  /// - Parameter domain: The domain id; `nil` takes the lowest free one. Id 0 is reserved, and in scalable mode 1 belongs to pass-through.
  public func makeAddressSpace(_ kind: AddressSpaceKind, domain: UInt32?) throws(HostDriverError) -> AddressSpace {
    guard isRunning else { throw .notRunning }
    let space = AddressSpace(rawValue: UInt32(domains.count))
    var addresses = IOVAAllocator(from: IOVirtualAddress(0x1000), to: IOVirtualAddress(1 << UInt64(addressWidth)))
    addresses.reserve(IOVirtualAddress(InterruptAddressRange.start), length: InterruptAddressRange.length)
    switch kind {
    case .passThrough:
      guard identity.extended.passThrough else { throw .unsupported("pass-through (ECAP.PT)") }
      let id = mode == .scalable ? try sharedID(domain) : try newID(domain)
      domains.append(Domain(space: space, id: id, secondStage: nil, addresses: addresses))
    case .secondStage:
      guard mode == .legacy || identity.extended.secondStageTranslation else {
        throw .unsupported("second-stage translation (ECAP.SSTS)")
      }
      let id = try newID(domain)
      let builder: PageTableBuilder<VTdSecondStage>
      do { builder = try PageTableBuilder(secondStageFormat, in: tables) } catch {
        domainIDs.free(id)
        throw .pageTable(error)
      }
      let made = Domain(space: space, id: id, secondStage: builder, addresses: addresses)
      domains.append(made)
      let number = Int(id.rawValue)
      if number >= domainsByID.count { domainsByID += Array(repeating: nil, count: number + 1 - domainsByID.count) }
      domainsByID[number] = made
    }
    return space
  }

  private func newID(_ wanted: UInt32?) throws(HostDriverError) -> DomainID {
    guard let wanted else {
      guard let id = domainIDs.allocate() else { throw .outOfDomainIDs(count: domainIDs.count) }
      return id
    }
    guard domainIDs.take(wanted) else { throw .domainIDUnavailable(wanted) }
    return DomainID(UInt16(truncatingIfNeeded: wanted))
  }

  private func sharedID(_ wanted: UInt32?) throws(HostDriverError) -> DomainID {
    if let wanted, wanted != UInt32(Self.passThroughDomainID.rawValue) { throw .domainIDUnavailable(wanted) }
    return Self.passThroughDomainID
  }

  /// Ends an address space that nobody is attached to any more: its domain id may be used again only after the caches have forgotten it (VT-d
  /// rev 5.10 table 28, reuse of a domain id).
  public func removeAddressSpace(_ space: AddressSpace) throws(HostDriverError) {
    let domain = try existing(space)
    guard domain.attachments == 0 else { throw .busy(space) }
    if let secondStage = domain.secondStage {
      var frames: [PhysicalAddress] = []
      do {
        try secondStage.unmap(IOVirtualAddress(0), length: 1 << UInt64(secondStageFormat.addressWidth), freed: &frames)
      } catch { throw .pageTable(error) }
      frames.append(secondStage.root)
      if configuration.policy == .recorded {
        retired += frames + domain.pending.tables
      } else {
        try issue(mode == .scalable ? .pasidCache(.domain(domain.id)) : .contextCache(.domain(domain.id)))
        try issue(.iotlb(translations(.domain(domain.id))))
        try complete()
        release(domain)
        giveBack(frames)
      }
      domainsByID[Int(domain.id.rawValue)] = nil
    }
    if mode == .legacy || domain.secondStage != nil { domainIDs.free(domain.id) }
    domains[Int(space.rawValue)] = nil
  }
}
