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

  @Test("A request is plain if it is untranslated, of the sender given, and has no attributes")
  func plain() {
    let sender = TranslationRequest.Sender(RequesterID(8), PASID(5))
    func request(
      by requester: UInt32 = 8, pasid: PASID? = PASID(5), kind: TranslationRequest.Kind = .untranslated,
      attributes: TranslationRequest.Attributes = []
    ) -> TranslationRequest {
      TranslationRequest(
        .write, at: IOVirtualAddress(.max), length: .max, by: RequesterID(requester), pasid: pasid, kind: kind, attributes: attributes)
    }
    #expect(request().isPlain(from: sender))
    #expect(!request(by: 9).isPlain(from: sender))
    #expect(!request(pasid: nil).isPlain(from: sender))
    #expect(!request(pasid: PASID(4)).isPlain(from: sender))
    #expect(!request(kind: .translationRequest).isPlain(from: sender))
    #expect(!request(kind: .translated).isPlain(from: sender))
    for bit in 0..<5 as Range<UInt8> { #expect(!request(attributes: .init(rawValue: 1 << bit)).isPlain(from: sender)) }
  }

  @Test("Kind, privilege and execution make a difference to what is checked; nothing else does")
  func checks() {
    var seen: Set<UInt64> = []
    for kind in [.untranslated, .translationRequest, .translated] as [TranslationRequest.Kind] {
      for attributes in 0..<4 as Range<UInt8> {
        for access in AccessKind.allCases {
          let requests = [0, 28].map { others in
            TranslationRequest(
              access, at: IOVirtualAddress(0), by: RequesterID(.max), kind: kind, attributes: .init(rawValue: attributes | others))
          }
          #expect(requests[0].checks == requests[1].checks)
          #expect(requests[0].checks < 16)
          seen.insert(requests[0].checks)
        }
      }
    }
    #expect(seen.count == 12)
  }
}
