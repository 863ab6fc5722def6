import Hardware

/// Why the invalidation queue stopped: IQERCD.IQEI (VT-d rev 5.10 section 11.4.9.9).
@frozen public enum InvalidationQueueError: UInt8, Error, Hashable, Sendable, CaseIterable {
  /// The tail lies behind the queue.
  case invalidTail = 1
  /// A descriptor cannot be read.
  case fetch = 2
  /// The descriptor's type, or what it asks for, is not valid.
  case invalidType = 3
  /// A reserved bit is set.
  case reservedField = 4
  /// The queue's descriptor width does not fit the translation table mode.
  case descriptorWidth = 5
  /// The tail is not a multiple of the descriptor size.
  case tailAlignment = 6
  /// The translation table mode is not valid.
  case translationTableMode = 7
}

/// Which descriptors a unit accepts, and what they say (VT-d rev 5.10 section 6.5.2).
@frozen public struct DescriptorRules: Sendable {
  /// Where the specification leaves a choice.
  @frozen public struct Options: Hashable, Sendable {
    /// Whether bit 66 of a page group response is reserved, as revisions 4.0 to 5.0 have it; drivers set it, and hardware takes it.
    public var strictResponseBit: Bool
    /// The error of a reserved granularity, and of a page-selective invalidation without CAP.PSI; both are "invalid descriptors".
    public var granularityError: InvalidationQueueError
    /// The error of a translation table mode that the unit does not support, though it is not reserved.
    public var unsupportedModeError: InvalidationQueueError
    /// Whether the types of legacy mode are taken with 128-bit descriptors in other modes too, as emulators do; the specification demands
    /// 256-bit descriptors there.
    public var acceptsNarrowDescriptors: Bool
    /// Whether device-TLB invalidations are taken, and do nothing, in a unit without device-TLB support, as emulators do; the specification
    /// has them as invalid types there.
    public var acceptsUnsupportedDeviceTLB: Bool

    /// The given choices.
    public init(
      strictResponseBit: Bool = false, granularityError: InvalidationQueueError = .invalidType,
      unsupportedModeError: InvalidationQueueError = .translationTableMode, acceptsNarrowDescriptors: Bool = false,
      acceptsUnsupportedDeviceTLB: Bool = false
    ) {
      self.acceptsNarrowDescriptors = acceptsNarrowDescriptors
      self.acceptsUnsupportedDeviceTLB = acceptsUnsupportedDeviceTLB
      self.strictResponseBit = strictResponseBit
      self.granularityError = granularityError
      self.unsupportedModeError = unsupportedModeError
    }
  }

  @usableFromInline let options: Options
  @usableFromInline let reserved: InlineArray<10, SIMD2<UInt64>>
  @usableFromInline let modes: UInt8
  @usableFromInline let wideDescriptors: Bool
  @usableFromInline let deviceTLB: Bool
  @usableFromInline let pageRequests: Bool
  @usableFromInline let hostPermissionTables: Bool
  @usableFromInline let pageSelective: Bool
  @usableFromInline let domainMask: UInt16
  @usableFromInline let guestMask: UInt64
  @usableFromInline let hostMask: UInt64

  /// The rules for a unit.
  ///
  /// - Parameters:
  ///   - identity: The unit.
  ///   - revision: Decides whether HPT invalidation exists.
  ///   - options: Where the specification leaves a choice.
  public init(_ identity: UnitIdentity, revision: RevisionProfile = .revision4, options: Options = Options()) {
    self.options = options
    let registers = identity.registerIdentity(revision)
    reserved = InlineArray { index in
      let layout = InvalidationDescriptor.layouts[index]
      let strict: UInt64 = options.strictResponseBit && index == 8 ? 1 << 2 : 0
      return [layout.reservedMask(word: 0, for: registers), layout.reservedMask(word: 1, for: registers) | strict]
    }
    let extended = identity.extended
    modes = TranslationTableMode.allCases.reduce(0) { $0 | ($1.isSupported(by: extended) ? 1 << $1.rawValue : 0) }
    wideDescriptors = extended.scalableMode || extended.abortDMAMode
    deviceTLB = extended.deviceTLB || options.acceptsUnsupportedDeviceTLB
    pageRequests = extended.pageRequests
    hostPermissionTables = revision == .revision5 && extended.hostPermissionTables
    pageSelective = identity.capabilities.pageSelectiveInvalidation
    domainMask = .mask(width: identity.capabilities.domainIDWidth)
    guestMask = .mask(width: identity.capabilities.maximumGuestAddressWidth)
    hostMask = .mask(width: identity.hostAddressWidth)
  }

  /// Whether the queue can run at all in a mode with descriptors of a width; `nil` if it can.
  @inlinable public func error(mode: TranslationTableMode, wide: Bool) -> InvalidationQueueError? {
    guard mode != .reserved else { return .translationTableMode }
    guard modes &>> mode.rawValue & 1 != 0 else { return options.unsupportedModeError }
    let fits = wide ? wideDescriptors : mode == .legacy || options.acceptsNarrowDescriptors
    return fits ? nil : .descriptorWidth
  }

  /// What a descriptor says, or why it is refused.
  ///
  /// - Parameters:
  ///   - words: The descriptor; the upper two words count with 256-bit descriptors only.
  ///   - mode: The translation table mode that was latched.
  ///   - wide: Whether the queue has 256-bit descriptors.
  @inlinable public func decode(
    _ words: SIMD4<UInt64>, mode: TranslationTableMode, wide: Bool
  ) -> Result<InvalidationDescriptor, InvalidationQueueError> {
    if let error = error(mode: mode, wide: wide) { return .failure(error) }
    let low = words[0]
    let high = words[1]
    let type = Int(truncatingIfNeeded: low[bits: 0...3])
    guard low[bits: 9...11] == 0, type >= 1, type <= (mode == .legacy || !wide ? 5 : 10), exists(type) else {
      return .failure(.invalidType)
    }
    guard let descriptor = parse(type, low, high) else { return .failure(options.granularityError) }
    let mask = reserved[type - 1]
    guard low & mask[0] | high & mask[1] == 0, !wide || words[2] | words[3] == 0 else { return .failure(.reservedField) }
    return .success(descriptor)
  }

  /// Whether the unit has a type, 1 to 10.
  @inlinable func exists(_ type: Int) -> Bool {
    switch type {
    case 3, 8: deviceTLB
    case 9: pageRequests
    case 10: hostPermissionTables
    default: true
    }
  }

  /// What a descriptor of a type that the unit has says; `nil` if its granularity is reserved.
  @inlinable func parse(_ type: Int, _ low: UInt64, _ high: UInt64) -> InvalidationDescriptor? {
    let granularity = low[bits: 4...5]
    let domain = DomainID(UInt16(truncatingIfNeeded: low >> 16) & domainMask)
    let pasid = PASID(UInt32(truncatingIfNeeded: low >> 32))
    switch type {
    case 1:
      let requester = RequesterID(UInt32(truncatingIfNeeded: low[bits: 32...47]))
      switch granularity {
      case 1: return .contextCache(.global)
      case 2: return .contextCache(.domain(domain))
      case 3: return .contextCache(.device(requester, functionMask: UInt8(truncatingIfNeeded: low[bits: 48...49]), domain))
      default: return nil
      }
    case 2:
      let scope: IOTLBInvalidation.Scope
      switch granularity {
      case 1: scope = .global
      case 2: scope = .domain(domain)
      case 3 where pageSelective: scope = .pages(domain, range(high, guestMask), leafOnly: high[bit: 6])
      default: return nil
      }
      return .iotlb(IOTLBInvalidation(scope, drainReads: low[bit: 7], drainWrites: low[bit: 6]))
    case 3:
      return .deviceTLB(
        device(
          source: low[bits: 32...47], low, maximumPending: low[bits: 16...20],
          EncodedPageRange(address: IOVirtualAddress(high), large: high[bit: 0])))
    case 4:
      let index = UInt16(truncatingIfNeeded: low[bits: 32...47])
      return .interruptEntryCache(low[bit: 4] ? .index(index, indexMask: UInt8(truncatingIfNeeded: low[bits: 27...31])) : .global)
    case 5:
      let status = low[bit: 5] ? (PhysicalAddress(high & hostMask), UInt32(truncatingIfNeeded: low >> 32)) : nil
      return .wait(InvalidationWait(status: status, interrupt: low[bit: 4], fence: low[bit: 6], pageRequestDrain: low[bit: 7]))
    case 6:
      switch granularity {
      case 2: return .pasidIOTLB(.pasid(domain, pasid))
      case 3: return .pasidIOTLB(.pages(domain, pasid, range(high, .max), leafOnly: high[bit: 6]))
      default: return nil
      }
    case 7:
      switch granularity {
      case 0: return .pasidCache(.domain(domain))
      case 1: return .pasidCache(.pasid(domain, pasid))
      case 3: return .pasidCache(.global)
      default: return nil
      }
    case 8:
      let device = device(
        source: low[bits: 16...31], low, maximumPending: low[bits: 4...8],
        EncodedPageRange(address: IOVirtualAddress(high), large: high[bit: 11]))
      return .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device, pasid: pasid, global: high[bit: 0]))
    case 9:
      return .pageGroupResponse(
        PageGroupResponse(
          requester: RequesterID(UInt32(truncatingIfNeeded: low[bits: 16...31])), pasid: low[bit: 4] ? pasid : nil,
          group: UInt16(truncatingIfNeeded: high[bits: 3...11]), code: UInt8(truncatingIfNeeded: low[bits: 12...15])))
    default:
      switch granularity {
      case 1: return .hostPermission(.global)
      case 2: return .hostPermission(.domain(domain))
      case 3: return .hostPermission(.pages(domain, range(high, hostMask), hint: UInt8(truncatingIfNeeded: high[bits: 6...7])))
      default: return nil
      }
    }
  }

  @inlinable func range(_ high: UInt64, _ mask: UInt64) -> PageRange {
    PageRange(IOVirtualAddress(high & mask & ~0xFFF), addressMask: UInt8(truncatingIfNeeded: high[bits: 0...5]))
  }

  @inlinable func device(source: UInt64, _ low: UInt64, maximumPending: UInt64, _ range: EncodedPageRange) -> DeviceTLBInvalidation {
    let function = low[bits: 12...15] | low[bits: 52...63] << 4
    return DeviceTLBInvalidation(
      source: RequesterID(UInt32(truncatingIfNeeded: source)),
      physicalFunction: RequesterID(UInt32(truncatingIfNeeded: function)),
      maximumPending: UInt8(truncatingIfNeeded: maximumPending), range)
  }
}
