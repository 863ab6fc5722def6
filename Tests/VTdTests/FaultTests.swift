import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Every fault that the second stage and pass-through can meet, from the fault table (VT-d rev 5.10 table 30).
@Suite struct FaultTests {
  private func expectedRecord(_ scenario: FaultScenario, _ kind: RequestKind) throws -> FaultRecord {
    // FRCD holds the address bits of the largest table width, 48.
    let address = IOVirtualAddress(scenario.address.rawValue & .mask(width: 48))
    return FaultRecord(
      address: address, source: MachineUnderTest.device, reason: try scenario.condition().reason, type: FaultRequestType(scenario.access),
      addressType: kind.addressType, pasid: kind.hasPASID ? scenario.pasid : nil,
      privileged: scenario.attributes.contains(.privileged), execute: scenario.attributes.contains(.execute))
  }

  @Test("A broken structure, or request, faults for the reason that the table names, and is recorded so", arguments: FaultScenario.all)
  func reasons(scenario: FaultScenario) throws {
    let kinds = try scenario.kinds()
    #expect(!kinds.isEmpty)
    for kind in kinds {
      let machine = try scenario.machine()
      // A second request finds nothing of the first that would let it through, or silence it.
      for round in 1...2 {
        let response = scenario.request(kind, on: machine)
        #expect(response.fault == TranslationFault(code: UInt16(try scenario.condition().reason.rawValue)), "\(kind)")
        #expect(machine.takeFaults() == [try expectedRecord(scenario, kind)], "\(kind), round \(round)")
        #expect(machine.unit.faults == UInt64(round))
      }
    }
  }

  @Test("Without anything broken, each kind of request is translated", arguments: [TranslationTableMode.legacy, .scalable])
  func inOrder(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    for access in AccessKind.allCases {
      for pasid in mode == .legacy ? [nil] : [nil, MachineUnderTest.pasid] {
        let response = machine.request(access, at: MachineUnderTest.page.advanced(by: 0x123), pasid: pasid)
        #expect(response.fault == nil)
        #expect(response.address == MachineUnderTest.target.advanced(by: 0x123))
      }
    }
    #expect(machine.takeFaults().isEmpty)
  }

  @Test("Nothing that faulted is remembered: a structure put in order needs no invalidation", arguments: FaultScenario.all)
  func nothingCached(scenario: FaultScenario) throws {
    guard !scenario.outlivesRepair else { return }
    for kind in try scenario.kinds() {
      let machine = try scenario.machine()
      _ = scenario.request(kind, on: machine)
      machine.repair()
      machine.setRootTable(machine.rootTable, mode: machine.mode)
      let response = machine.request(scenario.access, pasid: kind.hasPASID && machine.mode != .legacy ? MachineUnderTest.pasid : nil)
      #expect(response.fault == nil, "\(kind)")
      #expect(response.address == MachineUnderTest.target)
    }
  }

  @Test("A fault does not depend on what is cached of valid structures", arguments: FaultScenario.all)
  func withoutCaches(scenario: FaultScenario) throws {
    var parameters = TranslationParameters()
    parameters.contextCache.geometry = .none
    parameters.pasidCache.geometry = .none
    parameters.iotlb.geometry = .none
    parameters.pagingStructureCaches = .none
    for kind in try scenario.kinds() {
      let machine = try scenario.machine(parameters)
      for _ in 1...2 {
        #expect(scenario.request(kind, on: machine).fault?.code == UInt16(try scenario.condition().reason.rawValue), "\(kind)")
      }
    }
  }

  @Test("A translation request is answered as the table says, recorded or not", arguments: FaultScenario.all)
  func translationAnswers(scenario: FaultScenario) throws {
    let condition = try scenario.condition()
    for kind in [RequestKind.translation, .translationWithPASID] {
      let untranslated: RequestKind = kind == .translation ? .untranslated : .untranslatedWithPASID
      let answer = condition.answer(to: kind)
      let isMet = scenario.only.map { $0.contains(kind) || $0.contains(untranslated) } ?? true
      guard answer != .none, isMet, !kind.hasPASID || scenario.mode != .legacy || scenario.id == "RTA.2" else { continue }
      let machine = try scenario.machine()
      let isBelowContext = ["LSS", "LGN", "LCT.4.3"].contains { scenario.id.hasPrefix($0) }
      if isBelowContext, scenario.mode == .legacy { machine.contextEntry.type = .deviceTLB }
      for _ in 1...2 {
        let completion = machine.complete(
          at: scenario.address, pasid: kind.hasPASID ? scenario.pasid : nil, attributes: scenario.attributes)
        switch answer {
        case .unsupportedRequest: #expect(completion.status == .unsupportedRequest)
        case .completerAbort: #expect(completion.status == .completerAbort)
        case .successWithRemainingPermissions:
          let lacksWrite = condition.reason == .noWrite || condition.reason == .scalableNoWrite
          #expect(completion.status == .success && !(lacksWrite ? completion.write : completion.read))
        default:
          #expect(completion == TranslationCompletion(privileged: kind.hasPASID && scenario.attributes.contains(.privileged)))
        }
        #expect(machine.takeFaults().map(\.reason) == (answer.isRecorded ? [condition.reason] : []), "\(kind)")
      }
    }
  }

  @Test("Every condition of the fault table is raised, but for those that other tests raise or that no unit here has")
  func coverage() throws {
    let raised = Set(FaultScenario.all.map { "\($0.id) \($0.reason)" })
    let missing = FaultReason.table.filter { !raised.contains("\($0.id) \($0.reason)") }
    let expected = missing.filter { condition in
      switch condition.group {
      // Interrupts are not remapped here.
      case .interrupt: condition.reason != .interruptRangeRequest
      case .hostPermission: true
      // Page requests, and the size of the host permission tables.
      default: ["RTA.3", "SCT.8", "SPT.9"].contains(condition.id)
      }
    }
    #expect(missing == expected)
    let reasons = Set(FaultReason.table.map(\.reason)).subtracting(FaultScenario.all.map(\.reason))
    let elsewhere: [ClosedRange<UInt8>] = [0x20...0x28, 0x2A...0x2B, 0x32...0x32, 0x47...0x47, 0x60...0x60, 0xA0...0xA5]
    #expect(reasons == Set(elsewhere.joined().map { FaultReason($0) }))
  }
}
