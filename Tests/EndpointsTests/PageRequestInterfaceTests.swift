import Hardware
import Testing
import Translation

@testable import Endpoints

@Suite("Page request interface") struct PageRequestInterfaceTests {
  static let function = RequesterID(0x300)
  static let process = PageRequester(pasid: PASID(5))

  static func pages(_ count: UInt64) -> [RequestedPage] {
    (0..<count).map { RequestedPage(IOVirtualAddress(0x1000 * $0), read: true, write: false) }
  }

  static func interface(allocation: Int = 8) -> PageRequestInterface {
    var interface = PageRequestInterface(function, allocation: allocation)
    interface.setEnabled(true)
    return interface
  }

  static func response(_ group: UInt16, pasid: PASID? = PASID(5), _ code: PageGroupResponse.Code = .success) -> PageGroupResponse {
    PageGroupResponse(requester: function, pasid: pasid, group: group, code: code)
  }

  @Test("The messages of a group share its index, and the last is marked")
  func messages() throws {
    var interface = Self.interface()
    let messages = try interface.request(Self.pages(3), for: PageRequester(pasid: PASID(5), execute: true, privileged: true)).get()
    #expect(messages.map(\.address.rawValue) == [0, 0x1000, 0x2000])
    #expect(messages.map(\.last) == [false, false, true])
    #expect(Set(messages.map(\.group)).count == 1)
    #expect(messages.allSatisfy { $0.requester == Self.function && $0.pasid == PASID(5) && $0.execute && $0.privileged })
    #expect(messages.allSatisfy { $0.read && !$0.write })
  }

  @Test("Groups that are not answered have different indices, all 512 of them, and no more")
  func indices() throws {
    var interface = Self.interface(allocation: 1000)
    let indices = try (0..<512).map { _ in try interface.request(Self.pages(1), for: Self.process).get()[0].group }
    #expect(Set(indices) == Set(0..<512))
    #expect(interface.request(Self.pages(1), for: Self.process) == .failure(.limitReached))
    interface.receive(Self.response(77))
    #expect(try interface.request(Self.pages(1), for: Self.process).get()[0].group == 77)
  }

  @Test("An index is not taken again before the others")
  func turns() throws {
    var interface = Self.interface()
    for expected in 0..<20 as Range<UInt16> {
      #expect(try interface.request(Self.pages(1), for: Self.process).get()[0].group == expected)
      interface.receive(Self.response(expected))
    }
  }

  @Test("No more requests than allocated are unanswered at once; an answer frees all of its group")
  func allocation() throws {
    var interface = Self.interface(allocation: 4)
    _ = try interface.request(Self.pages(3), for: Self.process).get()
    #expect(interface.request(Self.pages(2), for: Self.process) == .failure(.limitReached))
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    #expect(interface.outstanding == 4)
    interface.receive(Self.response(0))
    #expect(interface.outstanding == 1)
    _ = try interface.request(Self.pages(3), for: Self.process).get()
  }

  @Test("A group has at least one request and at most as many as are allocated", arguments: [0, 5] as [UInt64])
  func groupSize(count: UInt64) {
    var interface = Self.interface(allocation: 4)
    #expect(interface.request(Self.pages(count), for: Self.process) == .failure(.groupSize))
  }

  @Test("A disabled interface asks for nothing, and has stopped once all is answered")
  func disabled() throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.setEnabled(false)
    #expect(interface.request(Self.pages(1), for: Self.process) == .failure(.disabled))
    #expect(!interface.isStopped)
    interface.receive(Self.response(0))
    #expect(interface.isStopped)
  }

  @Test("An answer is handed out once, with its code", arguments: PageGroupResponse.Code.allCases)
  func answer(code: PageGroupResponse.Code) throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.receive(Self.response(0, code))
    #expect(interface.nextAnswer() == AnsweredGroup(index: 0, pasid: PASID(5), code: code))
    #expect(interface.nextAnswer() == nil)
  }

  @Test("A response failure stops the interface until it is reset")
  func failure() throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.receive(Self.response(0, .responseFailure))
    #expect(interface.hasFailed && interface.isStopped)
    #expect(interface.request(Self.pages(1), for: Self.process) == .failure(.failed))
    interface.setEnabled(false)
    interface.reset()
    interface.setEnabled(true)
    #expect(!interface.hasFailed)
    _ = try interface.request(Self.pages(1), for: Self.process).get()
  }

  @Test("A reset has no effect while the interface is enabled")
  func enabledReset() throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.reset()
    #expect(interface.outstanding == 1)
  }

  @Test("A response that no group waits for, or with another PASID, is unexpected", arguments: [(1, 5), (0, 6)] as [(UInt16, UInt32)])
  func unexpected(group: UInt16, pasid: UInt32) throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.receive(Self.response(group, pasid: PASID(pasid)))
    #expect(interface.hasMetUnexpectedResponse)
    #expect(interface.outstanding == 1)
    #expect(interface.nextAnswer() == nil)
  }

  @Test("A response may leave the PASID out")
  func withoutPASID() throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(1), for: Self.process).get()
    interface.receive(Self.response(0, pasid: nil))
    #expect(interface.nextAnswer()?.pasid == PASID(5))
  }

  @Test("Giving up a PASID's groups frees their requests and leaves the others")
  func cancel() throws {
    var interface = Self.interface()
    _ = try interface.request(Self.pages(2), for: Self.process).get()
    _ = try interface.request(Self.pages(1), for: PageRequester(pasid: PASID(6))).get()
    interface.cancel(pasid: PASID(5))
    #expect(interface.outstanding == 1)
    interface.receive(Self.response(0))
    #expect(interface.hasMetUnexpectedResponse)
    interface.cancel(pasid: nil)
    #expect(interface.outstanding == 0)
  }

  @Test("A page that has been asked for with the same rights or more is found in its group")
  func found() throws {
    var interface = Self.interface()
    _ = try interface.request([RequestedPage(IOVirtualAddress(0x1234), read: true, write: false)], for: Self.process).get()
    let page = IOVirtualAddress(0x1FFF)
    #expect(interface.group(for: RequestedPage(page, read: true, write: false), Self.process) == 0)
    #expect(interface.group(for: RequestedPage(page, read: true, write: true), Self.process) == nil)
    #expect(interface.group(for: RequestedPage(page, read: true, write: false), PageRequester(pasid: PASID(6))) == nil)
    #expect(interface.group(for: RequestedPage(IOVirtualAddress(0x2000), read: true, write: false), Self.process) == nil)
  }
}
