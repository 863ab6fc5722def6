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

  @Test("Every condition of the fault table is raised, but for those of what the unit does not have or memory does not do")
  func coverage() throws {
    let known = FaultReason.table.filter { condition in
      condition.revisions.contains(.revision4)
        && ([.legacy, .rootTableAddress, .scalable].contains(condition.group) || condition.reason == .interruptRangeRequest)
    }
    let raised = Set(FaultScenario.all.map(\.id))
    let firstStage = (1...10).map { "SFS.\($0)" } + ["SGN.1", "SGN.2"]
    let pageRequests = ["RTA.3", "SCT.8"]
    let missing = known.map(\.id).filter { !raised.contains($0) }
    #expect(
      Set(missing)
        == Set(
          firstStage + pageRequests + [
            "SSS.6",  // memory that is read can be updated
            "SGN.8.2",  // the whole range of a translation completion
          ]))
    let reasons = Set(try FaultScenario.all.map { try $0.condition().reason })
    let secondStage: [ClosedRange<UInt8>] = [
      0x01...0x0E, 0x29...0x29, 0x30...0x31, 0x33...0x33, 0x38...0x3A, 0x40...0x46, 0x48...0x48, 0x50...0x52, 0x58...0x5D, 0x78...0x7C,
      0x83...0x87, 0x89...0x89,
    ]
    #expect(reasons == Set(secondStage.joined().map { FaultReason($0) }))
  }
}
