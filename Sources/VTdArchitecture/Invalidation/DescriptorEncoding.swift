import Hardware

extension InvalidationDescriptor {
  /// The descriptor's first two words; the other two of a 256-bit descriptor are 0.
  public var words: SIMD2<UInt64> {
    switch self {
    case .contextCache(.global): return [0x11, 0]
    case .contextCache(.domain(let domain)): return [0x21 | domain.field, 0]
    case .contextCache(.device(let requester, let mask, let domain)):
      return [0x31 | domain.field | requester.field(at: 32) | UInt64(mask & 3) << 48, 0]
    case .iotlb(let invalidation): return Self.words(invalidation)
    case .deviceTLB(let device):
      var low = 0x3 | device.physicalFunctionFields | device.source.field(at: 32)
      low[bits: 16...20] = UInt64(device.maximumPending)
      return [low, device.encodedAddress.address.rawValue | (device.encodedAddress.large ? 1 : 0)]
    case .interruptEntryCache(.global): return [0x4, 0]
    case .interruptEntryCache(.index(let index, let mask)): return [0x14 | UInt64(mask & 31) << 27 | UInt64(index) << 32, 0]
    case .wait(let wait):
      var low: UInt64 = 0x5 | UInt64(wait.statusData) << 32
      low[bit: 4] = wait.interrupt
      low[bit: 5] = wait.statusWrite
      low[bit: 6] = wait.fence
      low[bit: 7] = wait.pageRequestDrain
      return [low, wait.statusAddress.rawValue]
    case .pasidIOTLB(.pasid(let domain, let pasid)): return [0x26 | domain.field | pasid.field, 0]
    case .pasidIOTLB(.pages(let domain, let pasid, let range, let leafOnly)):
      return [0x36 | domain.field | pasid.field, range.word(hint: leafOnly ? 1 : 0)]
    case .pasidCache(.domain(let domain)): return [0x07 | domain.field, 0]
    case .pasidCache(.pasid(let domain, let pasid)): return [0x17 | domain.field | pasid.field, 0]
    case .pasidCache(.global): return [0x37, 0]
    case .pasidDeviceTLB(let invalidation):
      let device = invalidation.device
      var low = 0x8 | device.physicalFunctionFields | device.source.field(at: 16) | invalidation.pasid.field
      low[bits: 4...8] = UInt64(device.maximumPending)
      var high = device.encodedAddress.address.rawValue
      high[bit: 0] = invalidation.global
      high[bit: 11] = device.encodedAddress.large
      return [low, high]
    case .pageGroupResponse(let response):
      var low = 0x9 | response.requester.field(at: 16) | (response.pasid?.field ?? 0)
      low[bit: 4] = response.pasid != nil
      low[bits: 12...15] = UInt64(response.code)
      return [low, UInt64(response.group & 0x1FF) << 3]
    case .hostPermission(.global): return [0x1A, 0]
    case .hostPermission(.domain(let domain)): return [0x2A | domain.field, 0]
    case .hostPermission(.pages(let domain, let range, let hint)): return [0x3A | domain.field, range.word(hint: hint)]
    }
  }

  private static func words(_ invalidation: IOTLBInvalidation) -> SIMD2<UInt64> {
    var words: SIMD2<UInt64> = [0x2, 0]
    switch invalidation.scope {
    case .global: words[0][bits: 4...5] = 1
    case .domain(let domain):
      words[0] |= domain.field
      words[0][bits: 4...5] = 2
    case .pages(let domain, let range, let leafOnly):
      words[0] |= domain.field
      words[0][bits: 4...5] = 3
      words[1] = range.word(hint: leafOnly ? 1 : 0)
    }
    words[0][bit: 6] = invalidation.drainWrites
    words[0][bit: 7] = invalidation.drainReads
    return words
  }
}

extension DomainID {
  fileprivate var field: UInt64 { UInt64(rawValue) << 16 }
}

extension PASID {
  fileprivate var field: UInt64 { UInt64(rawValue) << 32 }
}

extension RequesterID {
  fileprivate func field(at bit: UInt64) -> UInt64 { UInt64(rawValue & 0xFFFF) << bit }
}

extension PageRange {
  fileprivate func word(hint: UInt8) -> UInt64 {
    address.alignedDown(PageSizeLog2.size4K).rawValue | UInt64(addressMask & 63) | UInt64(hint & 3) << 6
  }
}

extension DeviceTLBInvalidation {
  fileprivate var physicalFunctionFields: UInt64 {
    var word: UInt64 = 0
    word[bits: 12...15] = UInt64(physicalFunction.rawValue)
    word[bits: 52...63] = UInt64(physicalFunction.rawValue >> 4)
    return word
  }
}
