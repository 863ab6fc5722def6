import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// What each descriptor takes from the caches that shorten walks (VT-d rev 5.10 tables 23 and 24), seen by the entries that the next walk reads.
@Suite struct WalkCacheInvalidationTests {
  /// A kind of cache, alone in a unit without IOTLB.
  enum Cache: CaseIterable, Sendable {
    case first, second, nested, tables

    var stages: PASIDTranslationType { self == .first ? .firstStage : .nested }
    /// The entries read of 4 levels, or of 4 on 4: if nothing is known, and if everything is.
    var cold: UInt16 { self == .first ? 4 : 24 }
    var warm: UInt16 {
      switch self {
      case .first: 1
      // Each of five walks of the second stage reads its leaf alone.
      case .second: 9
      // The leaf of the first stage, and the second stage for the page.
      case .nested: 5
      // The four entries of the first stage, and the second stage for the page.
      case .tables: 8
      }
    }

    func parameters() -> TranslationParameters {
      var parameters = TranslationParameters()
      parameters.iotlb.geometry = .none
      parameters.pagingStructureCaches = .none
      switch self {
      case .first: parameters.pagingStructureCaches.first = .init(all: .unlimited)
      case .second: parameters.pagingStructureCaches.second = .init(all: .unlimited)
      case .nested: parameters.pagingStructureCaches.nested = .init(all: .unlimited)
      case .tables: parameters.pagingStructureCaches.nestedTables = .unlimited
      }
      return parameters
    }
  }

  /// What a descriptor leaves of a cache's knowledge.
  enum Effect: Sendable { case none, all, read(UInt16) }

  /// A descriptor, and its effect on the caches in the order of `Cache`.
  struct Command: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let descriptor: @Sendable (_ table: IOVirtualAddress) -> InvalidationDescriptor
    let effects: [Effect]

    init(_ note: String, _ descriptor: @escaping @Sendable (IOVirtualAddress) -> InvalidationDescriptor, _ effects: Effect...) {
      testDescription = note
      self.descriptor = descriptor
      self.effects = effects
    }
  }

  private static let domain = MachineUnderTest.domain
  private static let otherDomain = DomainID(0x56)
  private static let pasid = MachineUnderTest.pasid
  private static let otherPASID = PASID(0x1C40)
  private static let page = PageRange(MachineUnderTest.page)
  private static let guest = PageRange(IOVirtualAddress(MachineUnderTest.guestPage.rawValue))
  private static let elsewhere = PageRange(IOVirtualAddress(0x7F_0000_7000))

  private static func iotlb(_ scope: IOTLBInvalidation.Scope) -> @Sendable (IOVirtualAddress) -> InvalidationDescriptor {
    { _ in .iotlb(IOTLBInvalidation(scope)) }
  }
  private static func addressSpace(_ scope: PASIDIOTLBInvalidation) -> @Sendable (IOVirtualAddress) -> InvalidationDescriptor {
    { _ in .pasidIOTLB(scope) }
  }

  static let commands: [Command] = [
    Command("IOTLB, global", iotlb(.global), .all, .all, .all, .all),
    Command("IOTLB, domain", iotlb(.domain(domain)), .all, .all, .all, .all),
    Command("IOTLB, another domain", iotlb(.domain(otherDomain)), .none, .none, .none, .none),
    // First-stage entries, and all that is known of a guest's tables, go whatever the range; of the second stage only what is in it.
    Command("IOTLB, the guest page", iotlb(.pages(domain, guest, leafOnly: false)), .all, .read(12), .all, .all),
    Command("IOTLB, the guest page, leaf only", iotlb(.pages(domain, guest, leafOnly: true)), .all, .none, .all, .all),
    Command("IOTLB, elsewhere", iotlb(.pages(domain, elsewhere, leafOnly: false)), .all, .none, .all, .all),
    Command("IOTLB, the guest page of another domain", iotlb(.pages(otherDomain, guest, leafOnly: false)), .none, .none, .none, .none),
    Command(
      "IOTLB, a first-stage table, leaf only", { .iotlb(IOTLBInvalidation(.pages(domain, PageRange($0), leafOnly: true))) }, .all, .none,
      .all, .all),
    Command("PASID IOTLB, PASID", addressSpace(.pasid(domain, pasid)), .all, .none, .all, .none),
    Command("PASID IOTLB, another PASID", addressSpace(.pasid(domain, otherPASID)), .none, .none, .none, .none),
    Command("PASID IOTLB, PASID in another domain", addressSpace(.pasid(otherDomain, pasid)), .none, .none, .none, .none),
    Command("PASID IOTLB, the page", addressSpace(.pages(domain, pasid, page, leafOnly: false)), .all, .none, .all, .none),
    Command("PASID IOTLB, the page, leaf only", addressSpace(.pages(domain, pasid, page, leafOnly: true)), .none, .none, .none, .none),
    Command("PASID IOTLB, elsewhere", addressSpace(.pages(domain, pasid, elsewhere, leafOnly: false)), .none, .none, .none, .none),
    Command(
      "PASID IOTLB, the page of another PASID", addressSpace(.pages(domain, otherPASID, page, leafOnly: false)), .none, .none, .none, .none),
    Command("context cache", { _ in .contextCache(.global) }, .none, .none, .none, .none),
    Command("PASID cache", { _ in .pasidCache(.global) }, .none, .none, .none, .none),
  ]

  @Test("A descriptor takes what the tables of the specification say, and no more", arguments: commands, Cache.allCases)
  func matrix(command: Command, cache: Cache) throws {
    let machine = try MachineUnderTest(.scalable, stages: cache.stages, parameters: cache.parameters())
    #expect(machine.request(pasid: Self.pasid).memoryReads == cache.cold)
    #expect(machine.request(pasid: Self.pasid).memoryReads == cache.warm)
    machine.submit(command.descriptor(try lastTable(machine)))
    let index = try #require(Cache.allCases.firstIndex(of: cache))
    let expected: UInt16 =
      switch command.effects[index] {
      case .none: cache.warm
      case .all: cache.cold
      case .read(let count): count
      }
    #expect(machine.request(pasid: Self.pasid).memoryReads == expected)
  }

  // Where the first-stage table that holds the page's leaf lies; the machine's guest sees its tables where they are.
  private func lastTable(_ machine: MachineUnderTest) throws -> IOVirtualAddress {
    let builder = machine.firstBuilder
    var table = builder.root
    for level in (2...builder.format.rootLevel).reversed() {
      let place = table.advanced(by: builder.format.entryOffset(MachineUnderTest.page, level: level))
      table = builder.format.nextTable(try #require(machine.memory.read64(place)), level: level)
    }
    return IOVirtualAddress(table.rawValue)
  }

  @Test("Each cache reports what happened under a name of its own", arguments: Cache.allCases)
  func reports(cache: Cache) throws {
    let machine = try MachineUnderTest(.scalable, stages: cache.stages, parameters: cache.parameters())
    machine.request(pasid: Self.pasid)
    machine.request(pasid: Self.pasid)
    let names = machine.unit.caches.map(\.name).filter { $0.hasPrefix("walk") }
    let expected =
      switch cache {
      case .first: ["walk_first_level2", "walk_first_level3", "walk_first_level4"]
      case .second: ["walk_second_level2", "walk_second_level3", "walk_second_level4"]
      case .nested: ["walk_nested_level2", "walk_nested_level3", "walk_nested_level4"]
      case .tables: ["walk_nested_tables"]
      }
    #expect(names == expected)
    for report in machine.unit.caches where report.name.hasPrefix("walk") {
      #expect(report.counters.hits + report.counters.misses == report.counters.lookups)
      #expect(report.counters.fills > 0)
    }
  }
}
