import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct DescriptorTests {
  /// Descriptors with the words that the specification's layouts give them.
  static let golden: [(InvalidationDescriptor, UInt64, UInt64)] = [
    (.contextCache(.global), 0x11, 0),
    (.contextCache(.device(RequesterID(0x00F8), functionMask: 3, DomainID(5))), 0x0003_00F8_0005_0031, 0),
    (.contextCache(.domain(DomainID(5))), 0x5_0021, 0),
    (.iotlb(IOTLBInvalidation(.global)), 0x12, 0),
    (.iotlb(IOTLBInvalidation(.domain(DomainID(7)), drainReads: true, drainWrites: true)), 0x7_00E2, 0),
    (
      .iotlb(
        IOTLBInvalidation(
          .pages(DomainID(7), PageRange(IOVirtualAddress(0x20_0000), addressMask: 9), leafOnly: true), drainReads: true, drainWrites: true)),
      0x7_00F2, 0x20_0049
    ),
    (
      .deviceTLB(
        DeviceTLBInvalidation(
          source: RequesterID(0x0300), EncodedPageRange(PageRange(IOVirtualAddress(0x10000), addressMask: 2)))),
      0x0300_0300_0000_0003, 0x1_1001
    ),
    (.interruptEntryCache(.global), 0x4, 0),
    (.interruptEntryCache(.index(0x40, indexMask: 2)), 0x40_1000_0014, 0),
    (.wait(InvalidationWait(status: (PhysicalAddress(0x1000), 2))), 0x2_0000_0025, 0x1000),
    (.wait(InvalidationWait(interrupt: true, fence: true, pageRequestDrain: true)), 0xD5, 0),
    (.pasidIOTLB(.pasid(DomainID(1), PASID(5))), 0x5_0001_0026, 0),
    (
      .pasidIOTLB(.pages(DomainID(1), PASID(5), PageRange(IOVirtualAddress(0x7F00_0000_1000)), leafOnly: false)), 0x5_0001_0036,
      0x7F00_0000_1000
    ),
    (.pasidCache(.domain(DomainID(1))), 0x1_0007, 0),
    (.pasidCache(.pasid(DomainID(1), PASID(5))), 0x5_0001_0017, 0),
    (.pasidCache(.global), 0x37, 0),
    (
      .pasidDeviceTLB(PASIDDeviceTLBInvalidation(DeviceTLBInvalidation(source: RequesterID(0x0300), .everything), pasid: PASID(5))),
      0x0300_0005_0300_0008, 0x7FFF_FFFF_FFFF_F800
    ),
    (
      .pageGroupResponse(PageGroupResponse(requester: RequesterID(0x0300), pasid: PASID(5), group: 0x1F, code: 1)), 0x5_0300_1019, 0xF8
    ),
    (.hostPermission(.pages(DomainID(2), PageRange(IOVirtualAddress(0x3000)), hint: 3)), 0x2_003A, 0x30C0),
  ]

  static let full = DescriptorRules(
    SampleUnit.unit(
      cap: SampleUnit.scalableServer.capabilities.rawValue, ecap: SampleUnit.scalableServer.extended.rawValue | 1 << 55, major: 7, width: 52
    ),
    revision: .revision5)

  static func decode(
    _ low: UInt64, _ high: UInt64 = 0, upper: UInt64 = 0, mode: TranslationTableMode = .scalable, wide: Bool = true,
    rules: DescriptorRules = full
  ) -> Result<InvalidationDescriptor, InvalidationQueueError> {
    rules.decode([low, high, upper, 0], mode: mode, wide: wide)
  }

  @Test("A descriptor has the words of the specification's layout", arguments: golden.indices)
  func encode(index: Int) {
    let (descriptor, low, high) = Self.golden[index]
    #expect(descriptor.words == [low, high])
  }

  @Test("The words of the specification's layout decode to the descriptor", arguments: golden.indices)
  func decode(index: Int) {
    let (descriptor, low, high) = Self.golden[index]
    #expect(Self.decode(low, high) == .success(descriptor))
  }

  @Test("The last-page bit that drivers set in a response is accepted, unless the check is strict")
  func responseBit() {
    let response = InvalidationDescriptor.pageGroupResponse(
      PageGroupResponse(requester: RequesterID(0x0300), pasid: PASID(5), group: 0x1F, code: 1))
    #expect(Self.decode(0x5_0300_1019, 0xFC) == .success(response))
    let strict = DescriptorRules(SampleUnit.scalableServer, options: DescriptorRules.Options(strictResponseBit: true))
    #expect(Self.decode(0x5_0300_1019, 0xFC, rules: strict) == .failure(.reservedField))
    #expect(Self.decode(0x5_0300_1019, 0xF8, rules: strict) == .success(response))
  }

  @Test("Which types are valid depends on mode and descriptor width", arguments: [false, true], TranslationTableMode.allCases)
  func modes(wide: Bool, mode: TranslationTableMode) {
    let words: [UInt64] = [0x11, 0x12, 0x3, 0x4, 0x5, 0x26, 0x37, 0x8, 0x9, 0x1A]
    for (index, low) in words.enumerated() {
      let result = Self.decode(low, mode: mode, wide: wide)
      var error: InvalidationQueueError?
      if case .failure(let failure) = result { error = failure }
      switch mode {
      case .legacy: #expect(error == (index < 5 ? nil : .invalidType), "type \(index + 1)")
      case .reserved: #expect(error == .translationTableMode)
      case .scalable, .abortDMA: #expect(error == (wide ? nil : .descriptorWidth), "type \(index + 1)")
      }
    }
  }

  @Test("A mode that the unit lacks, and wide descriptors without any use, are refused")
  func unsupportedModes() {
    let legacy = DescriptorRules(SampleUnit.legacyServer)
    #expect(Self.decode(0x11, mode: .scalable, wide: true, rules: legacy) == .failure(.translationTableMode))
    #expect(Self.decode(0x11, mode: .abortDMA, wide: true, rules: legacy) == .failure(.translationTableMode))
    #expect(Self.decode(0x11, mode: .legacy, wide: true, rules: legacy) == .failure(.descriptorWidth))
    #expect(Self.decode(0x11, mode: .legacy, wide: false, rules: legacy) == .success(.contextCache(.global)))
  }

  @Test(
    "Types that don't exist, and reserved granularities, are invalid",
    arguments: [0x10, 0x0B, 0x0F, 0x211, 0x811, 0x01, 0x02, 0x06, 0x16, 0x27, 0x0A] as [UInt64])
  func invalidTypes(low: UInt64) { #expect(Self.decode(low) == .failure(.invalidType)) }

  @Test("Types and granularities whose capability is missing are invalid")
  func missingCapabilities() {
    let small = DescriptorRules(SampleUnit.emulatedScalable)
    for low in [0x3, 0x8, 0x9, 0x1A] as [UInt64] { #expect(Self.decode(low, rules: small) == .failure(.invalidType), "\(low)") }
    let withoutPages = DescriptorRules(SampleUnit.unit(cap: 47 << 16, ecap: 1 << 43 | 2))
    #expect(Self.decode(0x32, rules: withoutPages) == .failure(.invalidType))
    #expect(
      Self.decode(0x36, rules: withoutPages)
        == .success(.pasidIOTLB(.pages(DomainID(0), PASID(0), PageRange(IOVirtualAddress(0)), leafOnly: false))))
    let revision4 = DescriptorRules(
      SampleUnit.unit(cap: 47 << 16, ecap: SampleUnit.scalableServer.extended.rawValue | 1 << 55), revision: .revision4)
    #expect(Self.decode(0x1A, rules: revision4) == .failure(.invalidType))
  }

  @Test("Narrow descriptors outside legacy mode are taken if chosen, but for the types that need 256 bits")
  func narrowDescriptors() {
    let rules = DescriptorRules(SampleUnit.scalableServer, options: DescriptorRules.Options(acceptsNarrowDescriptors: true))
    #expect(Self.decode(0x11, mode: .scalable, wide: false, rules: rules) == .success(.contextCache(.global)))
    #expect(Self.decode(0x37, mode: .scalable, wide: false, rules: rules) == .failure(.invalidType))
    #expect(Self.decode(0x37, mode: .scalable, wide: true, rules: rules) == .success(.pasidCache(.global)))
  }

  @Test("Device-TLB invalidations without device-TLBs are taken if chosen")
  func unsupportedDeviceTLB() {
    let rules = DescriptorRules(SampleUnit.emulated, options: DescriptorRules.Options(acceptsUnsupportedDeviceTLB: true))
    let everything = DeviceTLBInvalidation(source: RequesterID(8), .everything)
    let bare = DeviceTLBInvalidation(source: RequesterID(8), physicalFunction: RequesterID(0), everything.encodedAddress)
    #expect(
      Self.decode(0x8_0000_0003, 0x7FFF_FFFF_FFFF_F001, mode: .legacy, wide: false, rules: rules) == .success(.deviceTLB(bare)))
  }

  @Test("The errors of reserved granularities and of unsupported modes are chosen")
  func chosenErrors() {
    let options = DescriptorRules.Options(granularityError: .reservedField, unsupportedModeError: .descriptorWidth)
    let rules = DescriptorRules(SampleUnit.legacyServer, options: options)
    #expect(Self.decode(0x01, mode: .legacy, wide: false, rules: rules) == .failure(.reservedField))
    #expect(Self.decode(0x0B, mode: .legacy, wide: false, rules: rules) == .failure(.invalidType))
    #expect(Self.decode(0x11, mode: .scalable, wide: true, rules: rules) == .failure(.descriptorWidth))
    #expect(Self.decode(0x11, mode: .reserved, wide: true, rules: rules) == .failure(.translationTableMode))
  }

  @Test(
    "A reserved bit of a valid type is refused",
    arguments: [
      (0x51, 0), (0x1011, 0), (0x0004_0000_0000_0011, 0), (0x11, 1), (0x112, 0), (0x1_0000_0012, 0), (0x12, 0x80), (0x13, 0),
      (0x20_0003, 0), (0x0001_0000_0000_0003, 0), (0x3, 2), (0x24, 0), (0x1004, 0), (0x0400_0004, 0), (0x1_0000_0000_0004, 0), (0x105, 0),
      (0x1005, 0), (0x5, 1), (0x66, 0), (0x0010_0000_0000_0026, 0), (0x26, 0x800), (0x77, 0), (0x37, 4), (0x8, 2), (0x29, 0),
      (0x9, 1), (0x9, 0x1000), (0x5A, 0), (0x1A, 0x100),
    ] as [(UInt64, UInt64)])
  func reserved(low: UInt64, high: UInt64) { #expect(Self.decode(low, high) == .failure(.reservedField)) }

  @Test("The upper half of a 256-bit descriptor is reserved, and does not count with 128 bits")
  func upperHalf() {
    #expect(Self.decode(0x11, upper: 1) == .failure(.reservedField))
    #expect(Self.decode(0x11, upper: 1, mode: .legacy, wide: false) == .success(.contextCache(.global)))
  }

  @Test("Page-request drain and physical functions are reserved without their capability")
  func conditionalFields() {
    let rules = DescriptorRules(SampleUnit.unit(cap: 47 << 16, ecap: 1 << 43 | 6))
    #expect(Self.decode(0x85, rules: rules) == .failure(.reservedField))
    #expect(Self.decode(0x1003, rules: rules) == .failure(.reservedField))
    #expect(Self.decode(0x0010_0000_0000_0003, rules: rules) == .failure(.reservedField))
    #expect((try? Self.decode(0x1F_0003, rules: rules).get()) != nil)
  }

  @Test("Domain id bits above the unit's width, and address bits above its guest and host width, are ignored")
  func ignoredBits() {
    let client = DescriptorRules(SampleUnit.scalableClient)
    let pages = PageRange(IOVirtualAddress(0x3FF_FFFF_F000))
    #expect(
      Self.decode(0xFF05_0032, 0xFFFF_FFFF_FFFF_F000, rules: client)
        == .success(.iotlb(IOTLBInvalidation(.pages(DomainID(5), pages, leafOnly: false)))))
    #expect(
      Self.decode(0x25, 0xFFFF_FC00_0000_1000, rules: client) == .success(.wait(InvalidationWait(status: (PhysicalAddress(0x1000), 0)))))
  }

  @Test("Status data and address are ignored without status write")
  func waitWithoutStatus() {
    #expect(Self.decode(0xFFFF_FFFF_0000_0005, 0x1000) == .success(.wait(InvalidationWait())))
  }

  @Test("Every layout has the bits of its type, and reserved bits outside its fields")
  func layouts() {
    #expect(InvalidationDescriptor.layouts.count == 10)
    #expect(InvalidationDescriptor.layout(type: 0) == nil)
    #expect(InvalidationDescriptor.layout(of: 0x211) == nil)
    #expect(InvalidationDescriptor.layout(of: 0x17)?.name == "PASID-cache invalidate")
    let decoded = InvalidationDescriptor.layout(of: 0x5_0001_0017)?.decode([0x5_0001_0017, 0x8])
    #expect(decoded?["PASID"] == 5)
    #expect(decoded?["DID"] == 1)
    #expect(decoded?.reservedBits == [67])
  }
}
