import Hardware
import VTdArchitecture

/// Whether the invalidation queue takes a descriptor (VT-d 6.5.2, table 26, 11.4.9.9).
enum DescriptorVerdict: Hashable {
  /// Taken.
  case valid
  /// The queue stops; IQERCD shows one of these codes.
  case invalid([UInt8])
  /// The specification leaves open whether the queue stops.
  case open

  /// Descriptors as they are laid out: reserved bits of the first two words, and what granularities there are.
  private struct Layout {
    var reserved: SIMD2<UInt64>
    var granularities: ClosedRange<UInt64> = 0...3
    var missing: UInt64?
  }

  /// Judges a descriptor; `observed` judges as the observed machine does.
  init(_ words: SIMD4<UInt64>, mode: TranslationTableMode, isWide: Bool, identity: UnitIdentity, observed: Bool) {
    let type = words[0][bits: 0...3] | words[0][bits: 9...11] << 4
    let extended = identity.extended
    guard Self.accepts(type, mode: mode, isWide: isWide, extended, observed: observed), let layout = Self.layout(type, extended) else {
      self = .invalid([3])
      return
    }
    let granularity = words[0][bits: 4...5]
    let hasGranularity = layout.granularities != 0...3 || layout.missing != nil
    if hasGranularity, !layout.granularities.contains(granularity) || granularity == layout.missing {
      // The text says "invalid descriptor" where the code says type or reserved field.
      self = .invalid([3, 4])
      return
    }
    guard words[0] & layout.reserved[0] == 0, words[1] & layout.reserved[1] == 0, words[2] == 0, words[3] == 0 else {
      self = .invalid([4])
      return
    }
    if type == 2, granularity == 3 {
      if !identity.capabilities.pageSelectiveInvalidation {
        self = .invalid([3, 4])
        return
      }
      if words[1][bits: 0...5] > UInt64(identity.capabilities.maximumAddressMask) {
        self = observed ? .invalid([3, 4]) : .open
        return
      }
    }
    self = .valid
  }

  private static func accepts(
    _ type: UInt64, mode: TranslationTableMode, isWide: Bool, _ extended: ExtendedCapabilities, observed: Bool
  ) -> Bool {
    if type == 3 || type == 8, !extended.deviceTLB, !observed { return false }
    if type == 9, !extended.pageRequests { return false }
    switch mode {
    case .legacy: return (1...5).contains(type)
    default: return (1...9).contains(type)
    }
  }

  private static func layout(_ type: UInt64, _ extended: ExtendedCapabilities) -> Layout? {
    func ones(_ ranges: ClosedRange<Int>...) -> UInt64 { ranges.reduce(0) { $0 | .mask(bits: $1) } }
    let throttle = extended.deviceTLBInvalidationThrottle ? 0 : ones(12...15, 52...63)
    switch type {
    case 1: return Layout(reserved: [ones(6...8, 12...15, 50...63), .max], granularities: 1...3)
    case 2: return Layout(reserved: [ones(8...8, 12...15, 32...63), ones(7...11)], granularities: 1...3)
    case 3: return Layout(reserved: [ones(4...8, 21...31, 48...51) | throttle, ones(1...11)])
    case 4: return Layout(reserved: [ones(5...8, 12...26, 48...63), .max])
    case 5: return Layout(reserved: [ones(8...8, 12...31) | (extended.pageRequestDrain ? 0 : 1 << 7), ones(0...1)])
    case 6: return Layout(reserved: [ones(6...8, 12...15, 52...63), ones(7...11)], granularities: 2...3)
    case 7: return Layout(reserved: [ones(6...8, 12...15, 52...63), .max], missing: 2)
    case 8: return Layout(reserved: [throttle, ones(1...10)])
    case 9: return Layout(reserved: [ones(5...8, 52...63), ones(0...1, 12...63)])
    default: return nil
    }
  }
}
