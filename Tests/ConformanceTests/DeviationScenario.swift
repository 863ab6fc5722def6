import Hardware
import VTd
import VTdArchitecture

@testable import Conformance

/// For one deviation: a case that shows it, machines that are right by the architecture, and machines that are not, among them the emulator.
struct DeviationScenario {
  var run: (AlteredModels) throws -> CaseResult
  /// Right answers; the first is the model as it comes.
  var right: [AlteredModels] = [AlteredModels()]
  var wrong: [AlteredModels]

  init(_ small: SmallCase, right: [AlteredModels] = [], wrong: [AlteredModels]) {
    run = { try small.run(on: $0) }
    self.right += right
    self.wrong = wrong
  }

  init(tables: String, wrong: [AlteredModels]) {
    run = { try SmallTables.run(tables, on: $0) }
    self.wrong = wrong
  }

  /// The scenario of a deviation.
  static func showing(_ deviation: Deviation) -> DeviationScenario {
    switch deviation {
    case .scalableModeCodes, .contextControlBits, .contextContradiction, .pasidEntryControlBits, .ignoredControlBits, .pasidEntryPresence,
      .pasidEntryTwoFaults, .otherRootHalf:
      structures(deviation)
    case .firstStageWidth, .firstStageLargePages, .flagsWithoutSnoop, .flagsLeftClear, .flagsOfBlockedRequests:
      firstStage(deviation)
    case .snoopInLeaf, .transientMapping, .orderOfChecks, .interruptRange, .passThroughWidth, .staleTranslation: tables(deviation)
    case .faultInformationWidth, .faultCollapse: faults(deviation)
    case .queueErrorCode, .queueWidth, .deviceTLBDescriptor, .addressMask, .registerInvalidation: invalidation(deviation)
    case .queueAddress, .invalidationEventData, .pageRequestEventControl, .compatibilityFormatStatus, .optionalBits, .queueDisable,
      .translationWithoutWidths:
      registers(deviation)
    case .updateNotSnooped, .passThroughCapability, .pageRequestsWithoutDeviceTLB, .guestAddressBeyondHost,
      .firstStageTableBeyondSecondStage:
      images(deviation)
    }
  }

  private static func structures(_ deviation: Deviation) -> DeviationScenario {
    var small = SmallCase.scalable
    switch deviation {
    case .scalableModeCodes:
      small.words[SmallCase.leaf] = 0x20_0001
      small.access(blocked: 5, demanded: [0x85, 0x79])
      return DeviationScenario(small, wrong: [.blocking(0x79), .blocking(0x05), .passing()])
    case .contextControlBits:
      small.words[0x2400] = 0x3005
      small.access(went: SmallCase.page)
      return DeviationScenario(small, wrong: [.passing(), .blocking(0x43)])
    case .contextContradiction:
      small.extended |= 1 << 29 | 1 << 2
      small.words[0x2400] = 0x3011
      small.access(went: SmallCase.page)
      return DeviationScenario(small, wrong: [.passing(), .blocking(0x42)])
    case .pasidEntryControlBits:
      small.words[0x4008] = 0x80_0009
      small.access(went: SmallCase.page)
      return DeviationScenario(small, wrong: [.passing(), .blocking(0x5B)])
    case .ignoredControlBits:
      small.words[0x4010] = 0x80
      small.access(went: SmallCase.page)
      return DeviationScenario(small, right: [.passing()], wrong: [.blocking(0x5B)])
    case .pasidEntryPresence:
      small.words[0x4000] = 0
      small.words[0x4008] = 0
      small.access(blocked: 0x5B)
      return DeviationScenario(small, wrong: [.blocking(0x5B), .blocking(0x5A)])
    case .pasidEntryTwoFaults:
      small.extended = small.extended & ~(1 << 46) | 1 << 47
      small.access(blocked: 0x5B)
      return DeviationScenario(small, right: [.blocking(0x5B)], wrong: [.blocking(0x59)])
    default:
      small.words[0x1008] = 2
      small.access(blocked: 0x0A, demanded: [0x3A])
      return DeviationScenario(small, right: [.choosing { $0.vtdChoices.checksBothRootHalves = true }], wrong: [.blocking(0x39)])
    }
  }

  private static func tables(_ deviation: Deviation) -> DeviationScenario {
    var small = deviation == .snoopInLeaf ? SmallCase.scalable : SmallCase.legacy
    switch deviation {
    case .snoopInLeaf:
      small.words[SmallCase.leaf] = 0x20_0803
      small.access(went: SmallCase.page)
      return DeviationScenario(small, wrong: [.passing(), .blocking(0x79)])
    case .transientMapping:
      small.extended |= 1 << 2
      small.hasTransientMapping = true
      small.words[SmallCase.leaf] = 0x20_0003 | 1 << 62
      small.access(went: SmallCase.page)
      return DeviationScenario(small, wrong: [.passing(), .blocking(0x05)])
    case .orderOfChecks:
      small.words[0x1_2000] = 0x1_3001
      small.words[SmallCase.leaf] = 0x20_0003 | 1 << 62
      small.access(blocked: 5)
      let atEachLevel = AlteredModels.choosing { $0.vtdChoices.secondStagePermissionCheck = .atEachLevel }
      return DeviationScenario(small, right: [atEachLevel], wrong: [.blocking(0x07), .passing()])
    case .interruptRange:
      // A 2 MiB page from FEE0_0000 on, accessed behind the range's end.
      small.words[0x1_2000] = 0xFEE0_0083
      small.access(at: IOVirtualAddress(0x10_5000), blocked: 0x0E)
      return DeviationScenario(small, wrong: [.blocking(0x0E)])
    case .passThroughWidth:
      small.words[0x2200] = 9
      small.access(.read, at: IOVirtualAddress(1 << 48), went: nil)
      var emulator = AlteredModels.passing()
      emulator.access = { request, _, _ in
        .busError(CaseTranslation(pieces: [PhysicalAddress(request.address.rawValue)], data: [0, 0, 0, 0]))
      }
      return DeviationScenario(small, wrong: [emulator, .blocking(0x06)])
    default:
      small.words[0x30_0000] = 0x3030
      small.words[SmallCase.leaf + 8] = 0x20_1003
      small.access(went: SmallCase.page)
      small.access(at: IOVirtualAddress(0x6000), went: PhysicalAddress(0x20_1000))
      small.store(SmallCase.leaf, 0x30_0003)
      small.access(went: SmallCase.page, isImplementationDefined: true)
      // The write landed at one of the two; the file's machine has it at the old page.
      small.load(SmallCase.page.rawValue, seen: 0x1234_5678)
      small.load(0x30_0000, seen: 0x3030)
      return DeviationScenario(small, right: [.forgetful], wrong: [.passing(to: PhysicalAddress(0x40_0000))])
    }
  }

  private static func firstStage(_ deviation: Deviation) -> DeviationScenario {
    var small = SmallCase.firstStage
    let path: [(UInt64, UInt64)] = [(0x1_0000, 0x1_1027), (0x1_1000, 0x1_2027), (0x1_2000, 0x1_3027)]
    switch deviation {
    case .firstStageWidth:
      small.words[0x4000] = 0x45
      small.words[0x1_0008] = 0x1_1007
      small.access(at: IOVirtualAddress(0x80_0000_5000), blocked: 0x80)
      return DeviationScenario(small, wrong: [.blocking(0x80), .passing(to: PhysicalAddress(0x40_0000))])
    case .firstStageLargePages:
      small.words[0x1_1000] = 0x87
      small.access(went: PhysicalAddress(0x5000))
      return DeviationScenario(small, wrong: [.passing(to: PhysicalAddress(0x5000)), .blocking(0x71)])
    case .flagsWithoutSnoop:
      small.access(went: SmallCase.page)
      for (place, entry) in path + [(SmallCase.leaf, 0x20_0067)] { small.load(place, seen: entry) }
      var strict = AlteredModels()
      strict.honoursSnoop = true
      return DeviationScenario(small, wrong: [strict, .leaving(0x20_0027, at: SmallCase.leaf), .leaving(0x1_1007, at: 0x1_0000)])
    case .flagsLeftClear:
      small.access(.read, went: SmallCase.page)
      small.load(SmallCase.leaf, seen: 0x20_0027)
      small.access(went: SmallCase.page)
      small.load(SmallCase.leaf, seen: 0x20_0027)
      return DeviationScenario(small, right: [.forgetful], wrong: [.leaving(0x20_0027, at: SmallCase.leaf)])
    default:
      small.words[SmallCase.leaf] = 0xFEE0_0007
      small.access(blocked: 0x87)
      for (place, entry) in path + [(SmallCase.leaf, 0xFEE0_0067)] { small.load(place, seen: entry) }
      return DeviationScenario(
        small, right: [.leaving(0xFEE0_0027, at: SmallCase.leaf), .leaving(0x1_1007, at: 0x1_0000)],
        wrong: [.leaving(0xFEE0_0067, at: SmallCase.leaf)])
    }
  }

  private static func faults(_ deviation: Deviation) -> DeviationScenario {
    var small = SmallCase.legacy
    switch deviation {
    case .faultInformationWidth:
      small.access(at: IOVirtualAddress(0x5_0000_0000_5000), blocked: 4)
      return DeviationScenario(
        small, right: [.choosing { $0.vtdChoices.recordsWholeAddress = true }], wrong: [.showing(0x220) { _ in 0x7000 }])
    default:
      small.words[SmallCase.leaf] = 0
      let shown = SmallCase.record(5)
      small.access(by: SmallCase.requester, blocked: 5, status: 2, shown: shown)
      small.access(by: SmallCase.requester, blocked: 5, status: 2, shown: shown)
      return DeviationScenario(
        small, right: [.choosing { $0.vtdChoices.collapsesFaultsOfOneRequester = true }], wrong: [.showing(0x34) { _ in 0 }])
    }
  }

  private static func images(_ deviation: Deviation) -> DeviationScenario {
    switch deviation {
    case .updateNotSnooped:
      let tables = SmallTables.scalable(entry: 0x1_0289, snoops: false, queries: SmallTables.hits)
      let elsewhere = AlteredModels(access: { _, outcome, _ in outcome.moved(by: 0x1000) })
      return DeviationScenario(tables: tables, wrong: [elsewhere, .passing(), .blocking(0x7C)])
    case .guestAddressBeyondHost:
      // A guest physical address of 40 bits in a machine of 39; the second stage maps both halves of it alike.
      let hit = SmallTables.nestedHit.replacingOccurrences(of: "0x5abc", with: "0x8000005abc")
      let tables = SmallTables.nested(leaf: 0x80_0000_5067, queries: hit)
        .replacingOccurrences(of: "[[0,1,\"0x11003\",\"0x0\"]]", with: "[[0,2,\"0x11003\",\"0x0\"]]")
      return DeviationScenario(tables: tables, wrong: [.passing(), .blocking(0x72)])
    case .firstStageTableBeyondSecondStage:
      let entry = SmallEntry.text.replacingOccurrences(of: "\"PGTT\":1", with: "\"PGTT\":3").replacingOccurrences(of: "0x49", with: "0xc9")
      let wide = entry.replacingOccurrences(of: "\"0x500", with: "\"0x100000000500")
      return DeviationScenario(tables: wide, wrong: [])
    case .passThroughCapability:
      let tables = SmallTables.scalable(entry: 0x109, queries: #"{"a":"0x7000","r":"passthrough","pa":"0x7000"}"#)
      return DeviationScenario(tables: tables, wrong: [.blocking(0x5B), .passing()])
    default:
      let tables = SmallTables.scalable(context: 0x3011, queries: SmallTables.hits)
      let lenient = AlteredModels(access: { _, outcome, _ in
        if case .blocked = outcome { .completed(CaseTranslation(pieces: [SmallCase.page], pageSizeLog2: 12)) } else { outcome }
      })
      return DeviationScenario(tables: tables, wrong: [lenient, .blocking(0x43)])
    }
  }
}

extension CaseOutcome {
  /// The outcome with everything that was translated somewhere else.
  func moved(by distance: UInt64) -> CaseOutcome {
    guard case .completed(var translation) = self else { return self }
    translation.pieces = translation.pieces.map { $0.advanced(by: distance) }
    return .completed(translation)
  }
}
