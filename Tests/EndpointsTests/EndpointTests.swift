import Hardware
import Testing
import Translation

@testable import Endpoints

@Suite("Endpoint") struct EndpointTests {
  @Test("Without translation services accesses go out untranslated")
  func disabled() {
    let test = EndpointUnderTest()
    test.endpoint.setTranslationServices(enabled: false)
    #expect(test.access(.write, pasid: PASID(5), attributes: .privileged) == .untranslated)
    #expect(
      test.service.accesses == [
        TranslationRequest(
          .write, at: EndpointUnderTest.page, by: EndpointUnderTest.requester, pasid: PASID(5), attributes: .privileged)
      ])
    #expect(test.service.translationRequests == [])
  }

  @Test("A first access asks for its translation, a second finds it cached; both go out translated")
  func cached() {
    let test = EndpointUnderTest()
    #expect(test.access(at: EndpointUnderTest.page.advanced(by: 0x123)) == .miss)
    #expect(test.access(at: EndpointUnderTest.page.advanced(by: 0x456)) == .hit)
    #expect(test.service.translationRequests.count == 1)
    let output = IOVirtualAddress(EndpointUnderTest.output.rawValue)
    #expect(
      test.service.accesses
        == [0x123, 0x456].map { offset in
          TranslationRequest(.read, at: output.advanced(by: offset), by: EndpointUnderTest.requester, kind: .translated)
        })
  }

  @Test("A translation request is for the page, has no length, and carries PASID, privilege and execution")
  func translationRequest() {
    let test = EndpointUnderTest()
    test.access(at: EndpointUnderTest.page.advanced(by: 5), pasid: PASID(5), attributes: [.privileged, .execute, .noSnoop])
    #expect(
      test.service.translationRequests == [
        TranslationRequest(
          .read, at: EndpointUnderTest.page, length: 0, by: EndpointUnderTest.requester, pasid: PASID(5), kind: .translationRequest,
          attributes: [.privileged, .execute])
      ])
  }

  @Test("Translations for reads are asked for without write if the device does so", arguments: [AccessKind.read, .write, .atomic])
  func noWrite(access: AccessKind) {
    var parameters = EndpointParameters()
    parameters.asksWithoutWrite = true
    let test = EndpointUnderTest(parameters)
    test.access(access)
    #expect(test.service.translationRequests.map { $0.attributes.contains(.noWrite) } == [access == .read])
    #expect(test.service.translationRequests.map(\.access) == [.read])
  }

  @Test("A right that a cached translation lacks is asked for anew, and the new translation is kept")
  func upgrade() {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion(address: EndpointUnderTest.output, read: true) }
    #expect(test.access(.read) == .miss)
    test.service.completion = { _ in TranslationCompletion(address: EndpointUnderTest.output, read: true, write: true) }
    #expect(test.access(.write) == .miss)
    #expect(test.access(.atomic) == .hit)
    #expect(test.endpoint.cachedTranslations == 1)
  }

  @Test("A large translation serves its whole page, at the right place")
  func large() {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion(address: PhysicalAddress(0x4000_0000), sizeLog2: 21, read: true) }
    #expect(test.access(at: IOVirtualAddress(0x23_4567)) == .miss)
    #expect(test.access(at: IOVirtualAddress(0x3F_FFFF)) == .hit)
    #expect(test.service.accesses.map(\.address.rawValue) == [0x4003_4567, 0x401F_FFFF])
  }

  @Test("Memory that may be accessed untranslated only is, and is asked about each time")
  func untranslatedOnly() {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion(write: true, untranslatedOnly: true) }
    for count in 1...2 {
      #expect(test.access(.write) == .untranslated)
      #expect(test.service.translationRequests.count == count)
    }
    #expect(test.service.accesses.allSatisfy { $0.kind == .untranslated && $0.address == EndpointUnderTest.page })
  }

  @Test("Translated requests carry no PASID, and no attributes of one, unless the device sends them", arguments: [false, true])
  func translatedPASID(sends: Bool) {
    var parameters = EndpointParameters()
    parameters.sendsPASIDWhenTranslated = sends
    let test = EndpointUnderTest(parameters)
    test.access(pasid: PASID(5), attributes: [.privileged, .noSnoop])
    #expect(test.service.accesses.map(\.pasid) == [sends ? PASID(5) : nil])
    let attributes: TranslationRequest.Attributes = sends ? [.privileged, .noSnoop] : .noSnoop
    #expect(test.service.accesses.map(\.attributes) == [attributes])
  }

  @Test("A translation with N takes no-snoop away, from the cache as from the completion")
  func noSnoop() {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion(address: EndpointUnderTest.output, read: true, noSnoop: true) }
    test.access(attributes: .noSnoop)
    test.access(attributes: .noSnoop)
    #expect(test.service.accesses.map(\.attributes) == [[], []])
  }

  @Test("Over CXL.cache translated accesses go past the IOMMU")
  func cxl() {
    var parameters = EndpointParameters()
    parameters.link = .cxlCache
    let test = EndpointUnderTest(parameters)
    #expect(test.access(at: EndpointUnderTest.page.advanced(by: 7), time: SimTime(nanoseconds: 3)) == .miss)
    #expect(test.service.accesses == [])
    #expect(test.response.address == EndpointUnderTest.output.advanced(by: 7))
    #expect(test.response.completion == SimTime(nanoseconds: 3))
    #expect(test.response.succeeded)
  }

  @Test("Privilege without PASID counts for nothing")
  func privilegeWithoutPASID() {
    let test = EndpointUnderTest()
    test.access(attributes: .privileged)
    #expect(test.access() == .hit)
  }

  @Test("A read of no bytes needs no particular right")
  func zeroLength() {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion(address: EndpointUnderTest.output, write: true) }
    #expect(test.access(.read, attributes: .zeroLength) == .miss)
    #expect(test.access(.read, attributes: .zeroLength) == .hit)
  }

  @Test("Unsupported Request ends the use of translation services and empties the cache")
  func unsupportedRequest() {
    let test = EndpointUnderTest()
    test.access()
    test.service.completion = { _ in TranslationCompletion(.unsupportedRequest) }
    #expect(test.access(at: IOVirtualAddress(0x9000)) == .refused(.unsupportedRequest))
    #expect(!test.endpoint.usesTranslationServices)
    #expect(test.endpoint.cachedTranslations == 0)
    #expect(test.access() == .untranslated)
  }

  @Test("Completer Abort refuses the access and nothing more")
  func completerAbort() {
    let test = EndpointUnderTest()
    test.access()
    test.service.completion = { _ in TranslationCompletion(.completerAbort) }
    #expect(test.access(at: IOVirtualAddress(0x9000)) == .refused(.completerAbort))
    #expect(test.access() == .hit)
    #expect(test.service.pageRequests == [])
  }

  @Test("Counters tell what went out")
  func counters() {
    let test = EndpointUnderTest()
    test.access()
    test.access()
    test.endpoint.setTranslationServices(enabled: false)
    test.access()
    #expect(test.endpoint.counters.translationRequests == 1)
    #expect(test.endpoint.counters.translatedRequests == 2)
    #expect(test.endpoint.counters.untranslatedRequests == 1)
    #expect(test.endpoint.cacheCounters.hits == 1)
  }
}
