import Hardware
import Testing
import Translation

@Suite struct TranslationRequestTests {
  @Test(
    "Every field of a request reads back, whatever the others hold", arguments: AccessKind.allCases, [nil, 0, 1, 0xF_FFFF] as [UInt32?])
  func fields(access: AccessKind, pasid: UInt32?) {
    for kind in [.untranslated, .translationRequest, .translated] as [TranslationRequest.Kind] {
      for (requester, length, attributes) in [(0, 0, 0), (.max, .max, 31), (0x1234, 4, 5)] as [(UInt32, UInt32, UInt8)] {
        let request = TranslationRequest(
          access, at: IOVirtualAddress(0xFFFF_1234_5678_9ABC), length: length, by: RequesterID(requester), pasid: pasid.map { PASID($0) },
          kind: kind, attributes: TranslationRequest.Attributes(rawValue: attributes))
        #expect(request.address == IOVirtualAddress(0xFFFF_1234_5678_9ABC))
        #expect(request.access == access)
        #expect(request.kind == kind)
        #expect(request.requester == RequesterID(requester))
        #expect(request.length == length)
        #expect(request.pasid == pasid.map { PASID($0) })
        #expect(request.attributes.rawValue == attributes)
      }
    }
  }

  @Test("A request is by default an untranslated one of one byte, without PASID or attributes")
  func defaults() {
    let request = TranslationRequest(.read, at: IOVirtualAddress(0x1000), by: RequesterID(8))
    #expect(request.kind == .untranslated)
    #expect(request.length == 1)
    #expect(request.pasid == nil)
    #expect(request.attributes == [])
  }
}
