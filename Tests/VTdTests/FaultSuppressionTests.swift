import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// FPD of the entries read for a request: which faults it silences (VT-d rev 5.10 section 7.2).
@Suite struct FaultSuppressionTests {
  /// The entry that has FPD set.
  enum Place: Int, CaseIterable, Sendable {
    case context = 1
    case directory
    case pasidEntry
  }

  /// How far a request has come when it meets a condition: the last of the places that was read.
  private func reached(_ scenario: FaultScenario) throws -> Int {
    let id = scenario.id
    if try !scenario.condition().isQualified { return 0 }
    if scenario.mode == .legacy { return Place.context.rawValue }
    if id.hasPrefix("SCT") || ["SGN.10", "SGN.4.1", "SGN.8.3"].contains(id) { return Place.context.rawValue }
    if id.hasPrefix("SPD") { return Place.directory.rawValue }
    return Place.pasidEntry.rawValue
  }

  private func disable(_ place: Place, on machine: MachineUnderTest) {
    switch place {
    case .context where machine.mode == .legacy: machine.contextEntry.faultProcessingDisabled = true
    case .context: machine.scalableContextEntry.faultProcessingDisabled = true
    case .directory: machine.directoryEntry.faultProcessingDisabled = true
    case .pasidEntry: machine.changePASIDEntries { $0.faultProcessingDisabled = true }
    }
  }

  @Test("FPD of an entry that was read silences qualified faults, and nothing else", arguments: FaultScenario.all, Place.allCases)
  func suppression(scenario: FaultScenario, place: Place) throws {
    if scenario.mode == .legacy, place != .context { return }
    for kind in try scenario.kinds() {
      let machine = try scenario.machine()
      disable(place, on: machine)
      let isSilent = try reached(scenario) >= place.rawValue
      // Twice, because the second request may find the entry cached.
      for _ in 1...2 {
        let response = scenario.request(kind, on: machine)
        #expect(response.fault?.code == UInt16(try scenario.condition().reason.rawValue), "\(kind)")
        #expect(response.fault?.isReported == !isSilent, "\(kind)")
        #expect(machine.takeFaults().isEmpty == isSilent, "\(kind)")
      }
    }
  }

  @Test("A request that is denied by a cached translation is silenced as the walk would be", arguments: [nil] + Place.allCases)
  func cachedTranslation(place: Place?) throws {
    for mode in [TranslationTableMode.legacy, .scalable] {
      if mode == .legacy, place == .directory || place == .pasidEntry { continue }
      let machine = try MachineUnderTest(mode)
      machine[1] &= ~2
      if let place { disable(place, on: machine) }
      #expect(machine.request(.read).fault == nil)
      let denied = machine.request(.write)
      #expect(denied.outcome == .hit)
      #expect(denied.fault == TranslationFault(code: mode == .legacy ? 0x05 : 0x85, isReported: place == nil))
      #expect(machine.takeFaults().isEmpty == (place != nil))
    }
  }

  @Test("FPD of a context entry that is not present counts")
  func notPresent() throws {
    let machine = try MachineUnderTest(.scalable)
    machine.scalableContextEntry.words = [2, 0, 0, 0]
    #expect(machine.request().fault == TranslationFault(code: 0x41, isReported: false))
    #expect(machine.takeFaults().isEmpty)
    let legacy = try MachineUnderTest(.legacy)
    legacy.contextEntry.words = [2, 0]
    #expect(legacy.request().fault == TranslationFault(code: 0x02, isReported: false))
  }

  @Test("FPD that software changes is seen once the entry is read anew", arguments: Place.allCases)
  func changed(place: Place) throws {
    let machine = try MachineUnderTest(.scalable)
    machine[1] = 0
    #expect(machine.request().fault == TranslationFault(code: 0x79))
    disable(place, on: machine)
    machine.invalidateEverything()
    #expect(machine.request().fault == TranslationFault(code: 0x79, isReported: false))
  }
}
