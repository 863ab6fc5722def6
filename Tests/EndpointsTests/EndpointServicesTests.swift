import Hardware
import Testing
import Translation

@testable import Endpoints

@Suite("Invalidations and page requests of an endpoint") struct EndpointServicesTests {
  static func lacking() -> EndpointUnderTest {
    let test = EndpointUnderTest()
    test.service.completion = { _ in TranslationCompletion() }
    return test
  }

  // MARK: Invalidations

  @Test("An invalidation is carried out and completed with its tag")
  func invalidation() {
    let test = EndpointUnderTest()
    test.access()
    test.invalidate(tag: 7)
    #expect(test.service.completions == [InvalidationCompletion(requester: EndpointUnderTest.requester, tags: 1 << 7)])
    #expect(test.access() == .miss)
  }

  @Test("An invalidation is not completed before the translated requests that were sent before are over")
  func drain() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.access(time: SimTime(nanoseconds: 50))
    test.invalidate(time: SimTime(nanoseconds: 60))
    #expect(test.service.completions == [])
    #expect(test.endpoint.nextCompletion == SimTime(nanoseconds: 150))
    test.endpoint.advance(to: SimTime(nanoseconds: 149))
    #expect(test.service.completions == [])
    test.endpoint.advance(to: SimTime(nanoseconds: 150))
    #expect(test.service.completions.count == 1)
    #expect(test.endpoint.nextCompletion == .never)
  }

  @Test("What it removes is gone at once, though it is not completed")
  func removedAtOnce() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.access()
    test.invalidate()
    #expect(test.access(time: SimTime(nanoseconds: 1)) == .miss)
  }

  @Test("Requests that are sent after an invalidation do not hold it up")
  func laterRequests() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.access()
    test.invalidate()
    test.access(time: SimTime(nanoseconds: 90))
    #expect(test.endpoint.nextCompletion == SimTime(nanoseconds: 100))
  }

  @Test("Untranslated requests do not hold an invalidation up")
  func untranslated() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.endpoint.setTranslationServices(enabled: false)
    test.access()
    test.invalidate()
    #expect(test.service.completions.count == 1)
  }

  @Test("Time that accesses bring completes what is due, before them")
  func byAccess() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.access()
    test.invalidate()
    test.service.onCompletion = { _ in #expect(test.service.accesses.count == 1) }
    test.access(time: SimTime(nanoseconds: 100))
    #expect(test.service.completions.count == 1)
  }

  @Test("Invalidations that are due together are completed together")
  func together() {
    let test = EndpointUnderTest()
    test.service.latency = SimTime(nanoseconds: 100)
    test.access()
    for tag in 0..<32 as Range<UInt8> { test.invalidate(tag: tag) }
    test.endpoint.advance(to: SimTime(nanoseconds: 100))
    #expect(test.service.completions.map(\.tags) == [.max])
  }

  @Test("A device with several ways to memory sends as many completions", arguments: [1, 8] as [UInt8])
  func completionMessages(count: UInt8) {
    var parameters = EndpointParameters()
    parameters.completionMessages = count
    let test = EndpointUnderTest(parameters)
    test.invalidate()
    #expect(test.service.completions.count == Int(count))
    #expect(test.service.completions.allSatisfy { $0.messageCount == count })
  }

  @Test("An invalidation that a completion sets off is taken too")
  func chain() {
    let test = EndpointUnderTest()
    test.service.onCompletion = { completion in
      if completion.tags == 1 { test.invalidate(tag: 1) }
    }
    test.invalidate(tag: 0)
    #expect(test.service.completions.map(\.tags) == [1, 2])
  }

  @Test("Invalidations are completed while translation services are off")
  func disabled() {
    let test = EndpointUnderTest()
    test.endpoint.setTranslationServices(enabled: false)
    test.invalidate()
    #expect(test.service.completions.count == 1)
  }

  // MARK: Page requests

  @Test(
    "A translation without the right that is needed makes the device ask for the page", arguments: [AccessKind.read, .write, .atomic])
  func pageRequest(access: AccessKind) {
    let test = Self.lacking()
    let outcome = test.access(
      access, at: EndpointUnderTest.page.advanced(by: 9), pasid: PASID(5), attributes: [.privileged, .execute])
    #expect(outcome == .awaitsPage(group: 0))
    #expect(
      test.service.pageRequests == [
        PageRequest(
          requester: EndpointUnderTest.requester, pasid: PASID(5), address: EndpointUnderTest.page, group: 0, last: true,
          read: access.reads, write: access.writes, execute: true, privileged: true)
      ])
    #expect(test.service.accesses == [])
  }

  @Test("A page is asked for once while the answer is awaited")
  func once() {
    let test = Self.lacking()
    #expect(test.access() == .awaitsPage(group: 0))
    #expect(test.access() == .awaitsPage(group: 0))
    #expect(test.access(.write) == .awaitsPage(group: 1))
    #expect(test.service.pageRequests.count == 2)
  }

  @Test("After the answer the access is tried again, with a new translation request")
  func answered() {
    let test = Self.lacking()
    test.access()
    test.service.completion = { _ in TranslationCompletion(address: EndpointUnderTest.output, read: true) }
    test.respond(to: 0, .success)
    #expect(test.endpoint.nextAnsweredGroup() == AnsweredGroup(index: 0, pasid: nil, code: .success))
    #expect(test.access() == .miss)
  }

  @Test("Without credit for a page request the access is to wait")
  func credit() {
    var parameters = EndpointParameters()
    parameters.outstandingPageRequests = 1
    let test = EndpointUnderTest(parameters)
    test.service.completion = { _ in TranslationCompletion() }
    test.access()
    #expect(test.access(at: IOVirtualAddress(0x9000)) == .awaitsCredit)
    test.respond(to: 0, .success)
    #expect(test.access(at: IOVirtualAddress(0x9000)) == .awaitsPage(group: 1))
  }

  @Test("A device that must not ask for pages fails the access")
  func notEnabled() {
    let test = Self.lacking()
    test.endpoint.setPageRequests(enabled: false)
    #expect(test.access() == .refused(.noPermission))
    #expect(test.service.pageRequests == [])
  }

  @Test("After a response failure it fails too, until the interface is reset")
  func responseFailure() {
    let test = Self.lacking()
    test.access()
    test.respond(to: 0, .responseFailure)
    #expect(test.access() == .refused(.noPermission))
    test.endpoint.setPageRequests(enabled: false)
    test.endpoint.resetPageRequests()
    test.endpoint.setPageRequests(enabled: true)
    #expect(test.access() == .awaitsPage(group: 1))
  }

  @Test("A group of pages is sent as one, its last request marked")
  func group() {
    let test = EndpointUnderTest()
    let pages = [0x1000, 0x2000].map { RequestedPage(IOVirtualAddress($0), read: true, write: true) }
    #expect(test.endpoint.request(pages, for: PageRequester(), at: .zero) == .success(0))
    #expect(test.service.pageRequests.map(\.last) == [false, true])
  }

  @Test("A device that stops using a PASID gives its requests up and sends a stop marker")
  func stop() {
    let test = Self.lacking()
    test.access(pasid: PASID(5))
    test.endpoint.stopUsing(PASID(5), at: .zero)
    #expect(test.endpoint.pageRequests.outstanding == 0)
    #expect(test.service.pageRequests.last == .stopMarker(requester: EndpointUnderTest.requester, pasid: PASID(5)))
    test.respond(to: 0, pasid: PASID(5), .success)
    #expect(test.endpoint.nextAnsweredGroup() == nil)
  }

  @Test("A device that cannot ask for pages sends no stop marker")
  func stopWithoutRequests() {
    let test = EndpointUnderTest()
    test.endpoint.setPageRequests(enabled: false)
    test.endpoint.stopUsing(PASID(5), at: .zero)
    #expect(test.service.pageRequests == [])
  }

  @Test("A device that is reset gives every request up")
  func cancel() {
    let test = Self.lacking()
    test.access()
    test.access(pasid: PASID(5))
    test.endpoint.cancelPageRequests()
    #expect(test.endpoint.pageRequests.outstanding == 0)
  }
}
