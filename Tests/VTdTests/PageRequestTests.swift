import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Page requests on their way through context and PASID entry.
@Suite struct PageRequestTests {
  typealias Code = Translation.PageGroupResponse.Code

  static func pageRequest(
    pasid: PASID? = nil, address: IOVirtualAddress = MachineUnderTest.page, last: Bool = true, execute: Bool = false,
    privileged: Bool = false
  ) -> PageRequest {
    PageRequest(
      requester: MachineUnderTest.device, pasid: pasid, address: address, group: 9, last: last, read: true, write: false,
      execute: execute, privileged: privileged)
  }

  /// A page request queue, and a device that listens, for a machine.
  final class Setting {
    let machine: MachineUnderTest
    let device = RecordingDevice()

    init(_ machine: MachineUnderTest) throws {
      self.machine = machine
      let queue = try #require(machine.tables.allocate())
      machine.unit.writeRegister(RegisterOffset.pageRequestQueueAddress, size: 8, queue.rawValue)
      if machine.scalableContextEntry.deviceTLBEnabled { machine.scalableContextEntry.pageRequestsEnabled = true }
      machine.unit.connect(device, requesters: [MachineUnderTest.device])
    }

    var tail: UInt64 { machine.unit.readRegister(RegisterOffset.pageRequestQueueTail, size: 8) }
    func receive(_ request: PageRequest) { machine.unit.receive(request, at: .zero) }
  }

  @Test("A page request is queued if its structures are in order", arguments: [nil, MachineUnderTest.pasid])
  func queued(pasid: PASID?) throws {
    let setting = try Setting(MachineUnderTest(.scalable))
    // Twice, because the second finds the entries cached.
    for count in 1...2 as ClosedRange<UInt64> {
      setting.receive(Self.pageRequest(pasid: pasid))
      #expect(setting.tail == 0x20 * count)
    }
    #expect(setting.machine.takeFaults() == [])
    #expect(setting.device.responses == [])
    #expect(setting.machine.counters("pasid").fills == 1)
  }

  @Test("Every condition of the fault table that page requests meet refuses them, and no other does", arguments: FaultScenario.all)
  func faults(scenario: FaultScenario) throws {
    // Page requests without device-TLB contradict themselves.
    guard scenario.mode != .legacy, scenario.id != "SCT.5" else { return }
    let condition = try scenario.condition()
    // With PASID, without, or both, as untranslated requests meet it.
    let meets: [PASID?] =
      (condition.answer(to: .untranslated) != .none ? [nil] : [])
      + (condition.answer(to: .untranslatedWithPASID) != .none ? [scenario.pasid] : [])
    for pasid in meets.isEmpty ? [nil, scenario.pasid] : meets {
      let setting = try Setting(scenario.machine())
      let request = Self.pageRequest(
        pasid: pasid, address: scenario.address, execute: scenario.attributes.contains(.execute),
        privileged: scenario.attributes.contains(.privileged))
      setting.receive(request)
      let records = setting.machine.takeFaults()
      guard condition.answer(to: .pageRequest) == .invalidRequest else {
        #expect(records.allSatisfy { $0.reason != condition.reason })
        continue
      }
      let expected = FaultRecord(
        address: request.address, source: MachineUnderTest.device, reason: condition.reason, type: .pageRequest, pasid: pasid,
        privileged: request.privileged, execute: request.execute)
      #expect(records == [expected])
      #expect(setting.tail == 0)
      #expect(setting.device.responses.map(\.code) == [.invalidRequest])
      #expect(setting.device.responses.first?.pasid == pasid)
    }
  }

  @Test("Page requests that are not enabled are refused with 47h")
  func notEnabled() throws {
    let setting = try Setting(MachineUnderTest(.scalable))
    setting.machine.scalableContextEntry.pageRequestsEnabled = false
    setting.receive(Self.pageRequest())
    #expect(setting.machine.takeFaults().map(\.reason) == [.pageRequestsNotEnabled])
  }

  @Test("In legacy mode every page request is refused with 32h", arguments: [nil, PASID(5)])
  func legacy(pasid: PASID?) throws {
    let setting = try Setting(MachineUnderTest(.legacy))
    setting.receive(Self.pageRequest(pasid: pasid))
    #expect(setting.machine.takeFaults().map(\.reason) == [.pageRequestInLegacyMode])
    #expect(setting.device.responses.map(\.code) == [.invalidRequest])
  }

  @Test("A refused request that is not the last of its group is recorded and dropped")
  func dropped() throws {
    let setting = try Setting(MachineUnderTest(.scalable))
    setting.machine.scalableContextEntry.present = false
    setting.receive(Self.pageRequest(last: false))
    #expect(setting.machine.takeFaults().map(\.reason) == [.scalableContextNotPresent])
    #expect(setting.device.responses == [])
  }

  @Test("FPD silences the record, not the answer")
  func suppressed() throws {
    let setting = try Setting(MachineUnderTest(.scalable))
    setting.machine.changePASIDEntries { entry in
      entry.present = false
      entry.faultProcessingDisabled = true
    }
    setting.receive(Self.pageRequest())
    #expect(setting.machine.takeFaults() == [])
    #expect(setting.device.responses.map(\.code) == [.invalidRequest])
  }

  @Test("Where privilege faults win over an invalid entry, they do not for page requests")
  func privilegeOrder() throws {
    var choices = ImplementationChoices()
    choices.requestFaultsBeforeEntryType = true
    let setting = try Setting(MachineUnderTest(.scalable, extended: SampleDataUnit.extended | 1 << 53 | 1 << 31, choices: choices))
    setting.machine.scalableContextEntry.requesterPrivileged = true
    setting.machine.changePASIDEntries { $0.stagesCode = 5 }
    setting.receive(Self.pageRequest())
    #expect(setting.machine.takeFaults().map(\.reason) == [.pasidEntryInvalid])
  }

  @Test("While translation is disabled a page request is dropped")
  func disabled() throws {
    let setting = try Setting(MachineUnderTest(.scalable))
    setting.machine.command(.translation, clear: true)
    setting.receive(Self.pageRequest())
    #expect(setting.machine.takeFaults() == [])
    #expect(setting.device.responses == [])
    #expect(setting.tail == 0)
  }

  @Test("A page request makes a stale lack of rights go away, for its page alone")
  func implicitInvalidation() throws {
    let machine = try MachineUnderTest(.scalable)
    let other = MachineUnderTest.page.advanced(by: 0x1000)
    try machine.builder.map(other, to: MachineUnderTest.target, length: 0x1000, permissions: .readWrite)
    let setting = try Setting(machine)
    machine[1] &= ~2
    machine.request(.read)
    machine.request(.read, at: other)
    machine[1] |= 2
    #expect(machine.request(.write).fault != nil)
    setting.receive(Self.pageRequest())
    #expect(machine.request(.write).fault == nil)
    #expect(machine.request(.read, at: other).outcome == .hit)
  }

  @Test("What a refused page request displaces from the configuration caches is fetched again")
  func displaced() throws {
    var parameters = TranslationParameters()
    parameters.contextCache.geometry = CacheGeometry(entries: 1)
    let setting = try Setting(MachineUnderTest(.scalable, parameters: parameters))
    let other = RequesterID(bus: 3, device: 21, function: 2)
    setting.machine.copyContext(to: other)
    setting.machine.request()
    var request = Self.pageRequest(pasid: MachineUnderTest.requesterPASID)
    request.requester = other
    setting.receive(request)
    #expect(setting.machine.takeFaults().map(\.reason) == [.pasidEqualsRequesterPASID])
    #expect(setting.machine.counters("context").fills == 2)
    setting.machine.request(at: MachineUnderTest.page.advanced(by: 0x1000))
    #expect(setting.machine.counters("context").fills == 3)
  }
}
