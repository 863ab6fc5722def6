import Hardware
import VTd
import VTdArchitecture

@testable import Conformance

extension DeviationScenario {
  static func invalidation(_ deviation: Deviation) -> DeviationScenario {
    var small = deviation == .queueWidth || deviation == .registerInvalidation ? SmallCase.scalable : SmallCase.legacy
    switch deviation {
    case .queueErrorCode:
      small.enableQueue(isWide: false)
      small.store(0x8000, 0xD, 0)
      small.write(0x88, 0x10, size: 8)
      small.read(0x80, seen: 0, size: 8)
      small.read(0x34, seen: 0x10)
      small.read(0xB0, seen: 0, size: 8)
      return DeviationScenario(small, wrong: [.showing(0xB0) { _ in 0 }, .showing(0xB0) { _ in 4 }])
    case .queueWidth:
      small.enableQueue(isWide: false)
      small.store(0x8000, 0x1234_0000_0025, 0x9000)
      small.write(0x88, 0x10, size: 8)
      small.read(0x80, seen: 0x10, size: 8)
      small.read(0x34, seen: 0)
      small.load(0x9000, seen: 0x1234)
      small.read(0xB0, seen: 0, size: 8)
      return DeviationScenario(
        small, wrong: [.choosing { $0.vtdChoices.descriptors.acceptsNarrowDescriptors = true }, .showing(0xB0) { _ in 3 }])
    case .deviceTLBDescriptor:
      small.enableQueue(isWide: false)
      small.store(0x8000, 0x20_0000_0003, 0x5000)
      small.write(0x88, 0x10, size: 8)
      small.read(0x80, seen: 0x10, size: 8)
      small.read(0x34, seen: 0)
      return DeviationScenario(
        small, wrong: [.choosing { $0.vtdChoices.descriptors.acceptsUnsupportedDeviceTLB = true }, .showing(0x80) { _ in 0x10 }])
    case .addressMask:
      small.enableQueue(isWide: false)
      small.store(0x8000, 0x9_0032, 0x3F)
      small.write(0x88, 0x10, size: 8)
      small.read(0x80, seen: 0, size: 8)
      small.read(0x34, seen: 0x10)
      small.read(0xB0, seen: 0, size: 8)
      return DeviationScenario(
        small,
        right: [
          .choosing { $0.vtdChoices.excessiveAddressMask = .pages }, .choosing { $0.vtdChoices.excessiveAddressMask = .invalidDescriptor },
        ], wrong: [.showing(0x80) { _ in 0x20 }, .showing(0x34) { $0 ^ 0x10 }])
    default:
      small.access(went: SmallCase.page)
      small.store(SmallCase.leaf, 0)
      small.write(0xF8, 0x9000_0000_0000_0000, size: 8)
      small.read(0xF8, seen: 0x1200_0000_0000_0000, size: 8)
      small.access(blocked: 5, demanded: [0x85, 0x79])
      return DeviationScenario(
        small, right: [.forgetful],
        wrong: [.choosing { $0.vtdChoices.registerInvalidation = .everyMode }, .passing(to: PhysicalAddress(0x40_0000))])
    }
  }

  static func registers(_ deviation: Deviation) -> DeviationScenario {
    var small = SmallCase.legacy
    switch deviation {
    case .queueAddress:
      small.write(0x90, 0x1234_5001, size: 8)
      small.read(0x90, seen: 1, size: 8)
      return DeviationScenario(small, wrong: [.showing(0x90) { $0 & 0xFFF }, .showing(0x90) { $0 ^ 1 }])
    case .invalidationEventData:
      small.write(0xA4, 0xFFFF_FFFF)
      small.read(0xA4, seen: 0xFFFF_FFFF)
      return DeviationScenario(small, wrong: [.showing(0xA4) { _ in 0xFFFF_FFFF }, .showing(0xA4) { _ in 0x7FFF }])
    case .pageRequestEventControl:
      small = SmallCase.scalable
      small.extended |= 1 << 29 | 1 << 2
      small.read(0xE0, seen: 0)
      return DeviationScenario(small, wrong: [.showing(0xE0) { _ in 0 }])
    case .compatibilityFormatStatus:
      small.write(0x18, 0x8080_0000)
      small.read(0x1C, seen: 0xC000_0000)
      return DeviationScenario(small, wrong: [.showing(0x1C) { $0 & ~(1 << 23) }, .showing(0x1C) { $0 ^ 1 << 30 }])
    case .optionalBits:
      small.write(0x20, 0xFFFF_0000_0000_1000, size: 8)
      small.read(0x20, seen: 0xFFFF_0000_0000_1000, size: 8)
      return DeviationScenario(
        small, right: [.showing(0x20) { _ in 0x1000 }, .showing(0x20) { _ in 0xFFFF_0000_0000_1000 }],
        wrong: [.showing(0x20) { _ in 0xFFFF_0000_0000_0000 }, .showing(0x20) { _ in 0x7FFF_0000_0000_1000 }])
    case .queueDisable:
      small.enableQueue(isWide: false)
      small.write(0x18, 0x8000_0000)
      small.read(0x1C, seen: 0xC400_0000)
      return DeviationScenario(small, right: [.showing(0x1C) { $0 | 1 << 26 }], wrong: [.showing(0x1C) { $0 & ~(1 << 31) }])
    default:
      small.capabilities = 0x80D2_008C_222F_0006
      small.read(0x1C, seen: 0x4000_0000)
      return DeviationScenario(
        small, right: [.showing(0x1C) { $0 & ~(1 << 31) }, .showing(0x1C) { $0 | 1 << 31 }], wrong: [.showing(0x1C) { $0 & ~(1 << 30) }])
    }
  }
}
