import Hardware
import Testing
import Translation

@Suite("Messages between an IOMMU and devices") struct DeviceMessagesTests {
  @Test(
    "A completion entry holds address, size and rights in the fields of ATS",
    arguments: [
      (TranslationCompletion(address: PhysicalAddress(0x1234_5000), read: true), 0x1234_5001),
      (TranslationCompletion(address: PhysicalAddress(0x4000), sizeLog2: 13, write: true), 0x4802),
      (TranslationCompletion(address: PhysicalAddress(0x4000), sizeLog2: 14, read: true, write: true), 0x5803),
      (TranslationCompletion(address: PhysicalAddress(0x40_0000), sizeLog2: 21, execute: true), 0x4F_F808),
      (TranslationCompletion(sizeLog2: 30, privileged: true), 0x1FFF_F810),
      (TranslationCompletion(sizeLog2: 64, global: true), 0x7FFF_FFFF_FFFF_F820),
      (TranslationCompletion(write: true, untranslatedOnly: true), 0x6),
      (TranslationCompletion(noSnoop: true), 0x400),
    ] as [(TranslationCompletion, UInt64)])
  func completion(completion: TranslationCompletion, entry: UInt64) {
    #expect(completion.encoded == entry)
    #expect(TranslationCompletion(encoded: entry) == completion)
  }

  @Test("Every size has a code of its own, whatever the address", arguments: 12...64 as ClosedRange<UInt8>)
  func sizes(sizeLog2: UInt8) {
    let all = DeviceTLBInvalidation(tag: 0, requester: RequesterID(8), address: IOVirtualAddress(.max), sizeLog2: sizeLog2)
    let none = DeviceTLBInvalidation(tag: 0, requester: RequesterID(8), address: IOVirtualAddress(0), sizeLog2: sizeLog2)
    for message in [all, none] {
      #expect(DeviceTLBInvalidation(tag: 0, requester: RequesterID(8), encoded: message.encoded) == message)
    }
  }

  @Test("A range of ones up to bit 63 is everything")
  func allOnes() {
    let message = DeviceTLBInvalidation(tag: 0, requester: RequesterID(8), encoded: .max & ~0x7FF | 1 << 11)
    #expect(message.sizeLog2 == 64)
    #expect(message.address == IOVirtualAddress(0))
  }

  @Test("A completion without success allows nothing")
  func refusal() {
    #expect(TranslationCompletion(.success, read: true, write: true).permissions == .readWrite)
    #expect(TranslationCompletion(.completerAbort, read: true, write: true).permissions == [])
  }

  @Test("An invalidation covers blocks that share an address with its range, larger and smaller ones")
  func overlap() {
    let message = DeviceTLBInvalidation(tag: 0, requester: RequesterID(8), address: IOVirtualAddress(0x5000), sizeLog2: 13)
    #expect(message.address == IOVirtualAddress(0x4000))
    #expect(message.overlaps(IOVirtualAddress(0x5000), sizeLog2: 12))
    #expect(!message.overlaps(IOVirtualAddress(0x6000), sizeLog2: 12))
    #expect(message.overlaps(IOVirtualAddress(0), sizeLog2: 21))
    #expect(!message.overlaps(IOVirtualAddress(0x20_0000), sizeLog2: 21))
  }

  @Test("Global is bit 0 of an invalidation message")
  func global() {
    let message = DeviceTLBInvalidation(tag: 3, requester: RequesterID(8), address: IOVirtualAddress(0), sizeLog2: 12, global: true)
    #expect(message.encoded == 1)
    #expect(DeviceTLBInvalidation(tag: 3, requester: RequesterID(8), encoded: 1).global)
  }

  @Test("A page request message holds group, last, write and read below the address")
  func pageRequest() {
    let request = PageRequest(
      requester: RequesterID(0x300), pasid: PASID(5), address: IOVirtualAddress(0x7F00_0000_1FFF), group: 0x1F, last: true, read: true,
      write: true)
    #expect(request.encoded == 0x7F00_0000_10FF)
  }

  @Test("Execute and privilege need a PASID")
  func attributes() {
    let bare = PageRequest(
      requester: RequesterID(8), pasid: nil, address: IOVirtualAddress(0), group: 0, last: true, read: true, write: false, execute: true,
      privileged: true)
    #expect(!bare.execute && !bare.privileged)
  }

  @Test("A stop marker is the last of its group, asks for nothing and has a PASID")
  func stopMarker() {
    var marker = PageRequest.stopMarker(requester: RequesterID(8), pasid: PASID(5))
    #expect(marker.isStopMarker)
    #expect(marker.encoded == 4)
    marker.pasid = nil
    #expect(!marker.isStopMarker)
    marker.pasid = PASID(5)
    marker.read = true
    #expect(!marker.isStopMarker)
  }

  @Test("Unused response codes are failures", arguments: 0...15 as ClosedRange<UInt8>)
  func responseCode(code: UInt8) {
    let expected: PageGroupResponse.Code = code == 0 ? .success : code == 1 ? .invalidRequest : .responseFailure
    #expect(PageGroupResponse.Code(encoded: code) == expected)
  }

  @Test("A completion count of 0 stands for eight messages", arguments: [(0, 8), (1, 1), (7, 7)] as [(UInt8, UInt8)])
  func completionCount(field: UInt8, messages: UInt8) {
    let completion = InvalidationCompletion(requester: RequesterID(8), tags: 1, completionCount: field)
    #expect(completion.messageCount == messages)
    #expect(completion.completionCount == field)
  }
}
