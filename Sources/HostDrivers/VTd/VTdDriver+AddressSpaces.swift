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
    switch kind {
    case .passThrough:
      guard identity.extended.passThrough else { throw .unsupported("pass-through (ECAP.PT)") }
      let id = mode == .scalable ? try sharedID(domain) : try newID(domain)
      return enter(stages: .passThrough, id: id, tables: .none)
    case .secondStage:
      guard mode == .legacy || identity.extended.secondStageTranslation else {
        throw .unsupported("second-stage translation (ECAP.SSTS)")
      }
      let id = try newID(domain)
      do throws(PageTableError) {
        return enter(stages: .secondStage, id: id, tables: .second(try PageTableBuilder(secondStageFormat, in: tables)))
      } catch {
        domainIDs.free(id)
        throw .pageTable(error)
      }
    case .firstStage:
      let format = try firstStageFormat()
      let id = try newID(domain)
      do throws(PageTableError) {
        let builder = try PageTableBuilder(format, in: tables)
        return enter(
          stages: .firstStage, id: id, tables: .first(builder),
          firstStage: ownTable(GuestPhysicalAddress(builder.root.rawValue), levels: format.rootLevel))
      } catch {
        domainIDs.free(id)
        throw .pageTable(error)
      }
    case .nested(let parent):
      return try makeNested(over: parent, domain)
    }
  }

  /// Enters a domain that has got its id and tables.
  func enter(
    stages: PASIDTranslationType, id: DomainID, tables: DomainTables, firstStage: GuestPageTable? = nil, parent: Domain? = nil
  ) -> AddressSpace {
    let width = firstStage.map { $0.levels == 5 ? 56 : 47 } ?? UInt64(addressWidth)
    var addresses = IOVAAllocator(from: IOVirtualAddress(0x1000), to: IOVirtualAddress(1 << width))
    addresses.reserve(IOVirtualAddress(InterruptAddressRange.start), length: InterruptAddressRange.length)
    let space = AddressSpace(rawValue: UInt32(domains.count))
    let made = Domain(
      space: space, id: id, stages: stages, tables: tables, firstStage: firstStage, parent: parent, addresses: addresses)
    domains.append(made)
    parent?.nested.append(id)
    guard mode == .legacy || stages != .passThrough else { return space }
    let number = Int(id.rawValue)
    if number >= domainsByID.count { domainsByID += Array(repeating: nil, count: number + 1 - domainsByID.count) }
    domainsByID[number] = made
    return space
  }

  func newID(_ wanted: UInt32?) throws(HostDriverError) -> DomainID {
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
    guard domain.isIdle else { throw .busy(space) }
    if domain.stages != .passThrough {
      let frames = try dismantle(domain)
      if configuration.policy == .recorded {
        retire(frames + domain.pending.tables, of: domain)
      } else {
        try issue(mode == .scalable ? .pasidCache(.domain(domain.id)) : .contextCache(.domain(domain.id)))
        try issue(.iotlb(translations(.domain(domain.id))))
        try complete()
        release(domain)
        giveBack(frames, of: domain)
      }
    }
    domain.parent?.nested.removeAll { $0 == domain.id }
    if mode == .legacy || domain.stages != .passThrough {
      domainsByID[Int(domain.id.rawValue)] = nil
      domainIDs.free(domain.id)
    }
    domains[Int(space.rawValue)] = nil
  }

  /// Takes a domain's tables apart and answers their frames.
  private func dismantle(_ domain: Domain) throws(HostDriverError) -> [PhysicalAddress] {
    var frames: [PhysicalAddress] = []
    do throws(PageTableError) {
      switch domain.tables {
      case .none: break
      case .second(let builder):
        _ = try builder.unmap(IOVirtualAddress(0), length: 1 << UInt64(builder.format.addressWidth), freed: &frames)
        frames.append(builder.root)
      case .first(let builder):
        // The upper half of the canonical addresses follows the lower one only at the end of the space.
        let half: UInt64 = 1 << UInt64(builder.format.rootLevel == 5 ? 56 : 47)
        _ = try builder.unmap(IOVirtualAddress(0), length: half, freed: &frames)
        _ = try builder.unmap(IOVirtualAddress(0 &- half), length: half, freed: &frames)
        frames.append(builder.root)
      }
    } catch { throw .pageTable(error) }
    return frames + (domain.guestTables?.memory.guestFrames ?? [])
  }
}
