import Hardware
import PageTables
import VTdArchitecture

extension VTdDriver {
  /// The format of the first-stage tables that the driver builds.
  func firstStageFormat() throws(HostDriverError) -> X86FirstStage {
    try needFirstStage()
    let capabilities = identity.capabilities
    let levels = configuration.firstStageLevels ?? (capabilities.firstStage5Level ? 5 : 4)
    guard levels == 4 || levels == 5 && capabilities.firstStage5Level else {
      throw .unsupported("first-stage tables of \(levels) levels (CAP.FS5LP)")
    }
    var format = X86FirstStage(
      levels: levels,
      features: X86FirstStage.Features(hostAddressWidth: UInt8(identity.hostAddressWidth), pages1G: capabilities.firstStage1G),
      extendedAccessed: usesExtendedAccessed, writeProtect: true, coherent: identity.extended.scalableModePageWalkCoherency)
    format.buildsMarkedEntries = configuration.marksFirstStage
    return format
  }

  /// How the unit shall read tables of that format.
  func ownTable(_ root: GuestPhysicalAddress, levels: UInt8) -> GuestPageTable {
    GuestPageTable(
      root: root, levels: levels, allowsPrivileged: configuration.supervisorRequests && identity.extended.supervisorRequests,
      writeProtect: true, extendedAccessed: usesExtendedAccessed)
  }

  // EAFE of first-stage PASID entries.
  private var usesExtendedAccessed: Bool { configuration.extendedAccessed && identity.extended.extendedAccessedFlag }

  private func needFirstStage() throws(HostDriverError) {
    guard mode == .scalable, identity.extended.firstStageTranslation else {
      throw .unsupported("first-stage translation (ECAP.SMTS, ECAP.FSTS)")
    }
  }

  // MARK: Both stages

  /// Makes an address space of both stages whose first-stage tables the driver builds in the parent's guest physical memory.
  func makeNested(over parent: AddressSpace, _ wanted: UInt32?) throws(HostDriverError) -> AddressSpace {
    let parent = try self.parent(parent)
    let format = try firstStageFormat()
    let id = try newID(wanted)
    do throws(HostDriverError) {
      let guest = try guestTables(of: parent)
      let builder: PageTableBuilder<X86FirstStage>
      do throws(PageTableError) { builder = try PageTableBuilder(format, in: guest.memory) } catch { throw .pageTable(error) }
      return enter(
        stages: .nested, id: id, tables: .first(builder),
        firstStage: ownTable(guest.address(of: builder.root), levels: format.rootLevel), parent: parent)
    } catch {
      domainIDs.free(id)
      throw error
    }
  }

  /// Makes an address space of both stages, of whose first stage a guest owns the tables.
  ///
  /// What the unit would refuse in the PASID entry (VT-d rev 5.10 table 30, 5Bh), or must not meet twice in different ways (section 6.2.1), is
  /// refused here.
  public func bind(_ table: GuestPageTable, over parent: AddressSpace, domain: UInt32?) throws(HostDriverError) -> AddressSpace {
    let parent = try self.parent(parent)
    let capabilities = identity.capabilities
    guard table.levels == 4 || table.levels == 5 && capabilities.firstStage5Level else {
      throw .unsupported("first-stage tables of \(table.levels) levels (CAP.FS5LP)")
    }
    guard !table.allowsPrivileged || identity.extended.supervisorRequests else { throw .unsupported("privileged requests (ECAP.SRS)") }
    guard !table.extendedAccessed || identity.extended.extendedAccessedFlag else {
      throw .unsupported("extended-accessed flags (ECAP.EAFS)")
    }
    guard table.root.isAligned(PageSizeLog2.size4K) else { throw .pageTable(.misaligned(table.root.rawValue)) }
    guard table.root.rawValue >> UInt64(guestAddressWidth) == 0 else { throw .pageTable(.outOfRange(table.root.rawValue)) }
    for id in parent.nested {
      guard let other = domainsByID[Int(id.rawValue)]?.firstStage, other.root == table.root else { continue }
      guard other.levels == table.levels, other.extendedAccessed == table.extendedAccessed else { throw .conflictingTables(table.root) }
    }
    return enter(stages: .nested, id: try newID(domain), tables: .none, firstStage: table, parent: parent)
  }

  /// The bits of a guest physical address: what the second stage translates, as far as entries of a first stage can hold it (VT-d rev 5.10
  /// section 9.7: bits from the host address width on are reserved in nested translation too).
  var guestAddressWidth: UInt8 { min(addressWidth, UInt8(clamping: identity.hostAddressWidth)) }

  private func guestTables(of parent: Domain) throws(HostDriverError) -> GuestTables {
    if let tables = parent.guestTables { return tables }
    guard case .second(let builder) = parent.tables else { throw .noParent(parent.space) }
    let made = GuestTables(of: tables, addressWidth: guestAddressWidth, in: builder)
    parent.guestTables = made
    parent.addresses.reserve(IOVirtualAddress(made.displacement), length: made.displacement)
    return made
  }

  private func parent(_ space: AddressSpace) throws(HostDriverError) -> Domain {
    let parent = try existing(space)
    try needFirstStage()
    guard identity.extended.nestedTranslation else { throw .unsupported("nested translation (ECAP.NEST)") }
    guard parent.stages == .secondStage else { throw .noParent(space) }
    return parent
  }
}
