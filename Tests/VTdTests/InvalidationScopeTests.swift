import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Which invalidation reaches which cache (VT-d rev 5.10 tables 23 and 24), seen from what a device gets after a structure has changed.
@Suite struct InvalidationScopeTests {
  /// The caches of a unit.
  enum Cache: String, CaseIterable, Sendable {
    case context, pasid, translation, table
  }

  /// An invalidation, and the caches of the device that it reaches; in legacy mode as well unless it is for scalable mode only.
  struct Command: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let descriptor: InvalidationDescriptor
    let reaches: Set<Cache>
    let legacyReaches: Set<Cache>?

    init(_ description: String, _ descriptor: InvalidationDescriptor, _ reaches: Set<Cache>, legacy: Set<Cache>?) {
      testDescription = description
      self.descriptor = descriptor
      self.reaches = reaches
      legacyReaches = legacy
    }

    static func context(_ note: String, _ scope: ContextCacheInvalidation, scalable: Bool, legacy: Bool) -> Command {
      Command("context cache, \(note)", .contextCache(scope), scalable ? [.context] : [], legacy: legacy ? [.context] : [])
    }
    static func pasid(_ note: String, _ scope: PASIDCacheInvalidation, _ isReached: Bool) -> Command {
      Command("PASID cache, \(note)", .pasidCache(scope), isReached ? [.pasid] : [], legacy: nil)
    }
    static func iotlb(_ note: String, _ scope: IOTLBInvalidation.Scope, _ reaches: Set<Cache>) -> Command {
      Command("IOTLB, \(note)", .iotlb(IOTLBInvalidation(scope)), reaches, legacy: reaches)
    }
    static func pasidIOTLB(_ note: String, _ scope: PASIDIOTLBInvalidation, _ reaches: Set<Cache>) -> Command {
      Command("PASID IOTLB, \(note)", .pasidIOTLB(scope), reaches, legacy: nil)
    }
  }

  private static let device = MachineUnderTest.device
  private static let domain = MachineUnderTest.domain
  private static let otherDomain = DomainID(0x56)
  private static let pasid = MachineUnderTest.pasid
  private static let page = MachineUnderTest.page
  // In the same 2 MiB, and never asked for before a structure changes.
  private static let neighbour = MachineUnderTest.page.advanced(by: 0x1000)

  private static func pages(_ address: IOVirtualAddress, _ mask: UInt8, _ id: DomainID = domain, leafOnly: Bool = false)
    -> IOTLBInvalidation.Scope
  {
    .pages(id, PageRange(address, addressMask: mask), leafOnly: leafOnly)
  }

  static let contextCommands: [Command] = [
    .context("global", .global, scalable: true, legacy: true),
    .context("domain", .domain(domain), scalable: true, legacy: true),
    .context("another domain", .domain(otherDomain), scalable: true, legacy: false),
    .context("device", .device(device, functionMask: 0, domain), scalable: true, legacy: true),
    .context("device of another domain", .device(device, functionMask: 0, otherDomain), scalable: true, legacy: false),
    .context("another device", .device(RequesterID(device.rawValue ^ 8), functionMask: 3, domain), scalable: false, legacy: false),
    .context("another function", .device(RequesterID(device.rawValue ^ 1), functionMask: 0, domain), scalable: false, legacy: false),
    .context("functions 4 apart", .device(RequesterID(device.rawValue ^ 4), functionMask: 1, domain), scalable: true, legacy: true),
    .context("functions 2 apart", .device(RequesterID(device.rawValue ^ 2), functionMask: 1, domain), scalable: false, legacy: false),
    .context("functions 6 apart", .device(RequesterID(device.rawValue ^ 6), functionMask: 2, domain), scalable: true, legacy: true),
    .context("all functions", .device(RequesterID(device.rawValue ^ 7), functionMask: 3, domain), scalable: true, legacy: true),
  ]

  static let pasidCommands: [Command] = [
    .pasid("global", .global, true), .pasid("domain", .domain(domain), true), .pasid("another domain", .domain(otherDomain), false),
    .pasid("PASID", .pasid(domain, pasid), true), .pasid("another PASID", .pasid(domain, PASID(0x1C40)), false),
    .pasid("PASID of another domain", .pasid(otherDomain, pasid), false),
  ]

  static let translationCommands: [Command] = [
    .iotlb("global", .global, [.translation, .table]), .iotlb("domain", .domain(domain), [.translation, .table]),
    .iotlb("another domain", .domain(otherDomain), []), .iotlb("page", pages(page, 0), [.translation, .table]),
    .iotlb("page, leaf only", pages(page, 0, leafOnly: true), [.translation]),
    .iotlb("page of another domain", pages(page, 0, otherDomain), []),
    .iotlb("another page under the same table", pages(neighbour, 0), [.table]),
    .iotlb("another page under the same table, leaf only", pages(neighbour, 0, leafOnly: true), []),
    .iotlb("pages around", pages(IOVirtualAddress(page.rawValue ^ 0x3000), 2), [.translation, .table]),
    .iotlb("pages beside", pages(IOVirtualAddress(page.rawValue ^ 0x4000), 2), [.table]),
    .iotlb("another table's pages", pages(page.advanced(by: 0x20_0000), 0), []),
    .iotlb("2^18 pages", pages(IOVirtualAddress(page.rawValue ^ 0x3FFF_F000), 18), [.translation, .table]),
    .iotlb("more pages than MAMV, as the whole domain", pages(IOVirtualAddress(0), 19), [.translation, .table]),
    .pasidIOTLB("PASID", .pasid(domain, pasid), [.translation]), .pasidIOTLB("another PASID", .pasid(domain, PASID(0x1C40)), []),
    .pasidIOTLB("PASID of another domain", .pasid(otherDomain, pasid), []),
    .pasidIOTLB("page, which only a first stage has", .pages(domain, pasid, PageRange(page), leafOnly: false), []),
    .pasidIOTLB("all pages, which only a first stage has", .pages(domain, pasid, PageRange(page, addressMask: 52), leafOnly: false), []),
  ]

  static let commands = contextCommands + pasidCommands + translationCommands

  /// A machine of which one cache holds what is no longer true, and the request that shows it.
  private struct Stale {
    let machine: MachineUnderTest
    /// What the device gets from memory, and from the cache.
    let fresh: PhysicalAddress
    let old: PhysicalAddress
    let request: (MachineUnderTest) -> TranslationResponse
  }

  private func stale(_ cache: Cache, _ mode: TranslationTableMode) throws -> Stale {
    var parameters = TranslationParameters()
    if cache != .table { parameters.pagingStructureCaches = .none }
    let machine = try MachineUnderTest(mode, parameters: parameters)
    let pasid = mode == .legacy ? nil : Self.pasid
    try machine.builder.map(Self.neighbour, to: PhysicalAddress(0x4000), length: 0x1000, permissions: .readWrite)
    // Other tables that map the same pages elsewhere.
    let other = try PageTableBuilder(VTdSecondStage(levels: 4), in: machine.tables)
    try other.map(Self.page, to: PhysicalAddress(0x8000), length: 0x2000, permissions: .readWrite)
    #expect(machine.request(pasid: pasid).address == MachineUnderTest.target)
    let request: (MachineUnderTest) -> TranslationResponse = { $0.request(at: Self.neighbour, pasid: pasid) }
    switch cache {
    case .context where mode == .legacy: machine.contextEntry.secondStageTable = other.root
    case .context:
      // Another directory, whose PASID that has not been asked for yet leads to the other tables.
      let second = PASID(Self.pasid.rawValue + 1)
      let directory = try #require(machine.tables.allocate())
      try machine.addPASIDEntry(second, root: machine.builder.root, directory: machine.directory)
      try machine.addPASIDEntry(second, root: other.root, directory: directory)
      machine.scalableContextEntry.directory = directory
      return Stale(machine: machine, fresh: PhysicalAddress(0x9000), old: PhysicalAddress(0x4000)) {
        $0.request(at: Self.neighbour, pasid: second)
      }
    case .pasid: machine.changePASIDEntries { $0.secondStageTable = other.root }
    case .translation:
      machine[1] = 0xC003
      return Stale(machine: machine, fresh: PhysicalAddress(0xC000), old: MachineUnderTest.target) { $0.request(pasid: pasid) }
    case .table:
      let table: PhysicalAddress = other.format.nextTable(try #require(other.tableEntry(for: Self.page, machine.memory)), level: 2)
      machine[2] = table.rawValue | 3
    }
    return Stale(machine: machine, fresh: PhysicalAddress(0x9000), old: PhysicalAddress(0x4000), request: request)
  }

  @Test("An invalidation reaches the caches that the tables of the specification name, and no other", arguments: commands, Cache.allCases)
  func matrix(command: Command, cache: Cache) throws {
    for mode in [TranslationTableMode.legacy, .scalable] {
      guard let reaches = mode == .legacy ? command.legacyReaches : command.reaches else { continue }
      if mode == .legacy, cache == .pasid { continue }
      let stale = try stale(cache, mode)
      stale.machine.submit(command.descriptor)
      let response = stale.request(stale.machine)
      #expect(response.address == (reaches.contains(cache) ? stale.fresh : stale.old), "\(mode)")
    }
  }

  @Test("What has changed stays unseen without an invalidation", arguments: Cache.allCases)
  func none(cache: Cache) throws {
    for mode in [TranslationTableMode.legacy, .scalable] where mode != .legacy || cache != .pasid {
      let stale = try stale(cache, mode)
      #expect(stale.request(stale.machine).address == stale.old)
    }
  }

  @Test("Disabling translation empties the caches of a unit with scalable mode", arguments: Cache.allCases)
  func disabling(cache: Cache) throws {
    let stale = try stale(cache, .scalable)
    stale.machine.command(.translation, clear: true)
    #expect(stale.request(stale.machine).outcome == .bypass)
    stale.machine.command(.translation)
    #expect(stale.request(stale.machine).address == stale.fresh)
  }
}

extension PageTableBuilder {
  /// The entry of level 2 on the way to an address.
  fileprivate func tableEntry(for input: IOVirtualAddress, _ memory: MemoryView) -> UInt64? {
    var table = root
    for level in (3...format.rootLevel).reversed() {
      guard let entry = memory.read64(table.advanced(by: format.entryOffset(input, level: level))) else { return nil }
      table = format.nextTable(entry, level: level)
    }
    return memory.read64(table.advanced(by: format.entryOffset(input, level: 2)))
  }
}
