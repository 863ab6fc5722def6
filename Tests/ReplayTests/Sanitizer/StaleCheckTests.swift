import DMATrace
import Hardware
import Machine
import Replay
import Testing
import VTd
import VTdArchitecture

@Suite("Uses of stale cache entries") struct StaleCheckTests {
  /// Software that makes one mistake, and what the mistake is called.
  struct Mistake: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var records: [TraceRecord]
    var kinds: [String]
    var stages: [MachineConfiguration.Stages] = [.legacy, .second]
    var settings = ""
    var invalidations = ReplayOptions.Invalidations.recorded
  }

  static let mistakes = [
    Mistake(
      testDescription: "nothing, if what is unmapped is invalidated before it is used",
      records: [attach(), map(1, to: 9), read(1), unmap(1), invalidate(1), read(1)], kinds: [],
      stages: MachineConfiguration.Stages.translated),
    Mistake(
      testDescription: "nothing, if a first stage's page is invalidated by its PASID",
      records: [attach(), map(1, to: 9), read(1), unmap(1), invalidate(1, ofPASID: PASID(0)), read(1)], kinds: [],
      stages: [.first, .nested]),
    Mistake(
      testDescription: "another page of the PASID",
      records: [attach(), map(1, to: 9), read(1), unmap(1), invalidate(2, ofPASID: PASID(0)), read(1)], kinds: ["iotlb too_narrow 1"],
      stages: [.first, .nested]),
    Mistake(
      testDescription: "leaves of the PASID only, while a table has gone",
      records: [
        attach(), map(1, to: 9, count: 2), read(1), unmap(1, count: 2), invalidate(0, count: 4, ofPASID: PASID(0)), map(2, to: 7), read(2),
      ], kinds: ["walk_cache too_narrow 1"], stages: [.first, .nested], settings: Script.walkCaches),
    Mistake(
      testDescription: "nothing, if an unmapped page is not used",
      records: [attach(), map(1, to: 9, count: 2), read(1), read(2), unmap(1), read(2)], kinds: []),
    Mistake(
      testDescription: "nothing, if the same is mapped again",
      records: [attach(), map(1, to: 9), read(1), unmap(1), map(1, to: 9), read(1)], kinds: []),
    Mistake(
      testDescription: "nothing, if what was not mapped is mapped",
      records: [attach(), read(1), map(1, to: 9), read(1)], kinds: []),
    Mistake(
      testDescription: "no invalidation",
      records: [attach(), map(1, to: 9), read(1), unmap(1), read(1), read(1)], kinds: ["iotlb missing 2"],
      stages: MachineConfiguration.Stages.translated),
    Mistake(
      testDescription: "no invalidation of a replaced page",
      records: [attach(), map(1, to: 9), read(1), map(1, to: 10), read(1)], kinds: ["iotlb missing 1"]),
    Mistake(
      testDescription: "no invalidation, while others are made for pages of their own",
      records: [
        attach(), map(1, to: 9, count: 3), read(1), read(2), unmap(1), unmap(2), invalidate(2), read(1),
      ], kinds: ["iotlb missing 1"]),
    Mistake(
      testDescription: "too few pages",
      records: [attach(), map(2, to: 9, count: 2), read(2), read(3), unmap(2, count: 2), invalidate(2), read(3)],
      kinds: ["iotlb too_narrow 1"]),
    Mistake(
      testDescription: "another page",
      records: [attach(), map(1, to: 9), read(1), unmap(1), invalidate(2), read(1)], kinds: ["iotlb too_narrow 1"]),
    Mistake(
      testDescription: "another domain",
      records: [
        attach(), attach(Script.other, domain: 6), map(1, to: 9), map(1, to: 8, domain: 6), read(1), unmap(1),
        invalidate(.domain, domain: 6), read(1),
      ], kinds: ["iotlb too_narrow 1"]),
    Mistake(
      testDescription: "before the write",
      records: [attach(), map(1, to: 9), read(1), invalidate(1), read(1), unmap(1), read(1)], kinds: ["iotlb out_of_order 1"]),
    Mistake(
      testDescription: "none for a walk under way",
      records: [attach(), map(1, to: 9), read(1), unmap(1), read(1)], kinds: ["walk_under_way missing 1"],
      settings: "memory.latency_ns: 100"),
    Mistake(
      testDescription: "leaves only, while a table has gone",
      records: [
        attach(), map(1, to: 9, count: 2), read(1), unmap(1, count: 2), invalidate(0, count: 4), map(2, to: 7), read(2),
      ], kinds: ["walk_cache too_narrow 1"], settings: Script.walkCaches),
    Mistake(
      testDescription: "leaves only, and what is filled from the stale table",
      records: [
        attach(), map(1, to: 9, count: 2), read(1), unmap(2), invalidate(2), map(1 << 9, to: 3), unmap(1), invalidate(1), read(1),
      ], kinds: ["walk_cache too_narrow 1"], settings: Script.walkCaches),
    Mistake(
      testDescription: "none for a context entry",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6), invalidate(.domain), read(1),
      ], kinds: ["context missing 1"], stages: [.legacy]),
    Mistake(
      testDescription: "another requester's context entry",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6),
        invalidate(.contextDevice, device: Script.other), invalidate(.domain), read(1),
      ], kinds: ["context too_narrow 1"], stages: [.legacy]),
    Mistake(
      testDescription: "translations before the context entry",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6), invalidate(.domain), read(1),
        invalidate(.contextDevice), read(1),
      ], kinds: ["iotlb out_of_order 1", "context missing 1"], stages: [.legacy]),
    Mistake(
      testDescription: "nothing, if the context entry goes before the translations",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6), invalidate(.contextDevice),
        invalidate(.domain), read(1),
      ], kinds: [], stages: [.legacy]),
    Mistake(
      testDescription: "none for a PASID entry",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6), invalidate(.contextGlobal),
        invalidate(.domain), read(1),
      ], kinds: ["pasid missing 1"], stages: [.second]),
    Mistake(
      testDescription: "translations before the PASID entry",
      records: [
        attach(), map(1, to: 9), map(1, to: 8, domain: 6), read(1), detach(), attach(domain: 6), invalidate(.domain), read(1),
        invalidate(.pasidCacheDomain), read(1),
      ], kinds: ["iotlb out_of_order 1", "pasid missing 1"], stages: [.second]),
    Mistake(
      testDescription: "put off by a driver that flushes later",
      records: [attach(), map(1, to: 9), read(1), unmap(1), read(1)], kinds: ["iotlb deferred 1"],
      stages: MachineConfiguration.Stages.translated, settings: "driver.invalidation: lazy", invalidations: .driver),
    Mistake(
      testDescription: "nothing, by a driver that invalidates at once",
      records: [attach(), map(1, to: 9), read(1), unmap(1), read(1)], kinds: [],
      stages: MachineConfiguration.Stages.translated, settings: "driver.invalidation: strict", invalidations: .driver),
  ]

  @Test("A stale entry that is used is found, and what its invalidation lacked is named", arguments: mistakes)
  func named(mistake: Mistake) throws {
    for stages in mistake.stages {
      let script = Script(
        stages: stages, settings: mistake.settings, invalidations: mistake.invalidations, records: mistake.records)
      #expect(try script.findings().kinds == mistake.kinds, "\(stages)")
    }
  }

  @Test("A finding says who used what, since when, and what should have been invalidated")
  func particulars() throws {
    let uses = try Script(records: [
      attach(), map(2, to: 9, count: 2), read(3), read(3), unmap(2, count: 2), invalidate(2), read(3), read(3),
    ]).findings()
    let use = try #require(uses.findings.first)
    #expect(uses.findings.count == 1)
    #expect((use.requester, use.address, use.uses) == (Script.device, IOVirtualAddress(0x3008), 2))
    #expect(use.moment == ReplayMoment(record: 6, time: SimTime(nanoseconds: 6)))
    #expect(use.cached == "0xa008 rw- in domain 5")
    #expect(use.present == "not present at level 5")
    let write = try #require(use.since)
    #expect(write.moment == ReplayMoment(record: 4, time: SimTime(nanoseconds: 4)))
    #expect((write.before & ~0xFFF, write.after) == (0xA000, 0))
    #expect(use.given?.moment.record == 5)
    let page = PageRange(IOVirtualAddress(0x3000))
    #expect(use.needed == .translations(IOTLBInvalidation(.pages(DomainID(5), page, leafOnly: true))))
  }

  @Test("Findings beyond the limit are counted and not described")
  func limit() throws {
    let pages = Array(UInt64(1)...5)
    let records = [attach(), map(1, to: 9, count: 5)] + pages.map { read($0) } + [unmap(1, count: 5)] + pages.map { read($0) }
    let uses = try Script(records: records).findings(limit: 2)
    #expect(uses.findings.map(\.address.rawValue) == [0x1008, 0x2008])
    #expect((uses.staleThings, uses.uses) == (5, 5))
  }

  @Test("A replay that nobody checks has no findings")
  func unchecked() throws {
    let configuration = try ConfigurationReader.read(yaml: "{preset: unbounded}", name: "test")
    let engine = try ReplayEngine(configuration, header: TraceHeader())
    #expect(engine.staleUses == nil)
  }
}
