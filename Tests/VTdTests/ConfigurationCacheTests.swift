import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// The context cache and the PASID cache, seen through the reads that they save and the time that they cost.
@Suite struct ConfigurationCacheTests {
  private static let page = MachineUnderTest.page
  private static let structureReads: [TranslationTableMode: UInt64] = [.legacy: 2, .scalable: 4]

  /// A machine with a second page, and no caches of table entries.
  private func machine(_ mode: TranslationTableMode, _ change: (inout TranslationParameters) -> Void = { _ in }) throws -> MachineUnderTest
  {
    var parameters = TranslationParameters()
    parameters.pagingStructureCaches = .none
    change(&parameters)
    let machine = try MachineUnderTest(mode, parameters: parameters)
    try machine.builder.map(
      Self.page.advanced(by: 0x1000), to: PhysicalAddress(0x4000), length: 0x8000, permissions: .readWrite)
    return machine
  }

  /// The reads of memory that a request makes.
  private func reads(_ machine: MachineUnderTest, _ request: (MachineUnderTest) -> Void) -> UInt64 {
    let before = machine.unit.memoryReads
    request(machine)
    return machine.unit.memoryReads - before
  }

  @Test("The structures on the way to a context are read once", arguments: [TranslationTableMode.legacy, .scalable])
  func readOnce(mode: TranslationTableMode) throws {
    let machine = try machine(mode)
    let structures = try #require(Self.structureReads[mode])
    #expect(reads(machine) { $0.request() } == structures + 4)
    #expect(reads(machine) { $0.request(at: Self.page.advanced(by: 0x1000)) } == 4)
    #expect(reads(machine) { $0.request() } == 0)
    #expect(machine.unit.walkReads == 8)
    #expect(machine.unit.walks == 2)
  }

  @Test("Without configuration caches they are read for every walk", arguments: [TranslationTableMode.legacy, .scalable])
  func absent(mode: TranslationTableMode) throws {
    let machine = try machine(mode) { parameters in
      parameters.contextCache.geometry = .none
      parameters.pasidCache.geometry = .none
    }
    let structures = try #require(Self.structureReads[mode])
    #expect(reads(machine) { $0.request() } == structures + 4)
    #expect(reads(machine) { $0.request(at: Self.page.advanced(by: 0x1000)) } == structures + 4)
    #expect(reads(machine) { $0.request() } == 0)
  }

  @Test("Each PASID has an entry of its own, and shares the context with the others")
  func perPASID() throws {
    let machine = try machine(.scalable)
    #expect(reads(machine) { $0.request() } == 4 + 4)
    #expect(reads(machine) { $0.request(pasid: MachineUnderTest.pasid) } == 2 + 4)
    #expect(machine.counters("context").fills == 1)
    #expect(machine.counters("pasid").fills == 2)
  }

  @Test("Each requester has entries of its own, whatever PASID they share")
  func perRequester() throws {
    let machine = try machine(.scalable)
    let sibling = RequesterID(MachineUnderTest.device.rawValue + 1)
    machine.copyContext(to: sibling)
    #expect(reads(machine) { $0.request(pasid: MachineUnderTest.pasid) } == 4 + 4)
    #expect(reads(machine) { $0.request(by: sibling, pasid: MachineUnderTest.pasid) } == 4 + 4)
    #expect(reads(machine) { $0.request(by: sibling, pasid: MachineUnderTest.pasid) } == 0)
  }

  @Test("Lookups are hits, misses or merges, and counted so")
  func counters() throws {
    let machine = try machine(.scalable)
    machine.request()
    machine.request(at: Self.page.advanced(by: 0x1000))
    machine.request(pasid: MachineUnderTest.pasid)
    func counters(_ name: String) -> [UInt64] {
      let counters = machine.counters(name)
      return [counters.lookups, counters.hits, counters.merges, counters.misses, counters.fills]
    }
    #expect(counters("context") == [3, 2, 0, 1, 1])
    #expect(counters("pasid") == [3, 1, 0, 2, 2])
  }

  @Test("A full cache gives up the entry used least recently")
  func eviction() throws {
    let machine = try machine(.legacy) { $0.contextCache.geometry = CacheGeometry(entries: 1) }
    let sibling = RequesterID(MachineUnderTest.device.rawValue + 1)
    machine.copyContext(to: sibling)
    machine.request()
    machine.request(by: sibling)
    #expect(reads(machine) { $0.request(at: Self.page.advanced(by: 0x1000)) } == 2 + 4)
    #expect(machine.counters("context").evictions == 2)
  }

  @Test("An entry that a fault of the walk follows is kept, because it is valid", arguments: [TranslationTableMode.legacy, .scalable])
  func faultBelow(mode: TranslationTableMode) throws {
    let machine = try machine(mode)
    let structures = try #require(Self.structureReads[mode])
    machine[1] = 0
    #expect(reads(machine) { $0.request() } == structures + 4)
    #expect(reads(machine) { $0.request() } == 4)
  }

  @Test("A fault in the PASID entry leaves the context cached, and the PASID entry not")
  func faultInPASIDEntry() throws {
    let machine = try machine(.scalable)
    machine.changePASIDEntries { $0.present = false }
    #expect(reads(machine) { $0.request() } == 4)
    #expect(reads(machine) { $0.request() } == 2)
    #expect(machine.counters("pasid").fills == 0)
  }

  @Test("An invalidation by PASID reaches the PASID that requests without PASID use")
  func requesterPASID() throws {
    let machine = try machine(.scalable)
    machine.request()
    machine[1] = 0xC003
    machine.submit(.pasidIOTLB(.pasid(MachineUnderTest.domain, MachineUnderTest.pasid)))
    #expect(machine.request().address == MachineUnderTest.target)
    machine.submit(.pasidIOTLB(.pasid(MachineUnderTest.domain, MachineUnderTest.requesterPASID)))
    #expect(machine.request().address == PhysicalAddress(0xC000))
    #expect(reads(machine) { $0.request(at: Self.page.advanced(by: 0x1000)) } == 4)
    machine.submit(.pasidCache(.pasid(MachineUnderTest.domain, MachineUnderTest.requesterPASID)))
    #expect(reads(machine) { $0.request(at: Self.page.advanced(by: 0x2000)) } == 2 + 4)
  }

  @Test("Without RID_PASID requests without PASID use PASID 0")
  func withoutRequesterPASID() throws {
    let machine = try MachineUnderTest(.scalable, extended: SampleDataUnit.extended & ~(1 << 49))
    machine.scalableContextEntry.requesterPASID = PASID(0)
    #expect(machine.request().fault?.code == 0x51)
    try machine.addPASIDEntry(PASID(0), root: machine.builder.root, directory: machine.directory)
    #expect(machine.request().address == MachineUnderTest.target)
    #expect(machine.request(pasid: PASID(0)).address == MachineUnderTest.target)
  }

  @Test("A request with PASID 0 in a unit without RID_PASID faults 48h if so chosen")
  func pasidZero() throws {
    var choices = ImplementationChoices()
    choices.pasidZeroIsRequesterPASID = true
    let machine = try MachineUnderTest(.scalable, extended: SampleDataUnit.extended & ~(1 << 49), choices: choices)
    machine.scalableContextEntry.requesterPASID = PASID(0)
    try machine.addPASIDEntry(PASID(0), root: machine.builder.root, directory: machine.directory)
    #expect(machine.request().address == MachineUnderTest.target)
    #expect(machine.request(pasid: PASID(0)).fault?.code == 0x48)
  }

  // MARK: Time

  /// Different from one another, so that no sum can be mistaken for another.
  private enum Latency {
    static let iotlb = SimTime(nanoseconds: 3)
    static let context = SimTime(nanoseconds: 7)
    static let pasid = SimTime(nanoseconds: 11)
    static let memory = SimTime(nanoseconds: 100)
  }

  private func timed(_ mode: TranslationTableMode) throws -> MachineUnderTest {
    try machine(mode) { parameters in
      parameters.iotlb.latency = Latency.iotlb
      parameters.contextCache.latency = Latency.context
      parameters.pasidCache.latency = Latency.pasid
      parameters.memory.latency = Latency.memory
      parameters.walkers = 0
    }
  }

  private func request(_ machine: MachineUnderTest, page: UInt64, at nanoseconds: UInt64) -> TranslationResponse {
    var response = TranslationResponse()
    let request = TranslationRequest(.read, at: Self.page.advanced(by: page << 12), by: MachineUnderTest.device)
    machine.unit.translate(request, at: SimTime(nanoseconds: nanoseconds), into: &response)
    #expect(response.completion == SimTime(nanoseconds: nanoseconds) + response.latency.total)
    return response
  }

  @Test("Finding a context costs a lookup for each cache, and a read for each structure that is not cached")
  func latency() throws {
    let legacy = try timed(.legacy)
    #expect(request(legacy, page: 0, at: 0).latency.configuration == Latency.context + Latency.memory * 2)
    #expect(request(legacy, page: 1, at: 5000).latency.configuration == Latency.context)
    let scalable = try timed(.scalable)
    #expect(request(scalable, page: 0, at: 0).latency.configuration == Latency.context + Latency.pasid + Latency.memory * 4)
    #expect(request(scalable, page: 1, at: 5000).latency.configuration == Latency.context + Latency.pasid)
    #expect(request(scalable, page: 1, at: 10000).latency.configuration == .zero)
  }

  @Test("A request that meets the fetch of its context waits for the rest of it")
  func merge() throws {
    let machine = try timed(.legacy)
    let first = request(machine, page: 0, at: 0)
    let second = request(machine, page: 1, at: 50)
    let ready = Latency.iotlb + first.latency.configuration
    #expect(second.latency.configuration == ready - SimTime(nanoseconds: 50) - Latency.iotlb)
    #expect(machine.counters("context").merges == 1)
    #expect(machine.counters("context").misses == 1)
    #expect(request(machine, page: 2, at: 1000).latency.configuration == Latency.context)
    #expect(machine.counters("context").hits == 1)
  }

  @Test("A request that comes after an invalidation fetches anew, though the fetch before is not over")
  func invalidatedFetch() throws {
    let machine = try timed(.legacy)
    _ = request(machine, page: 0, at: 0)
    machine.submit(.contextCache(.global))
    #expect(request(machine, page: 1, at: 50).latency.configuration == Latency.context + Latency.memory * 2)
  }
}
