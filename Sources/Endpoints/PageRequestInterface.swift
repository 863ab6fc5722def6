import Hardware
import Translation

/// A page that a device asks for.
@frozen public struct RequestedPage: Hashable, Sendable {
  /// An address in the page.
  public var address: IOVirtualAddress
  /// Read access is asked for.
  public var read: Bool
  /// Write access is asked for.
  public var write: Bool

  /// A page.
  @inlinable public init(_ address: IOVirtualAddress, read: Bool, write: Bool) {
    self.address = address.alignedDown(PageSizeLog2.size4K)
    self.read = read
    self.write = write
  }
}

/// For whom pages are asked for.
@frozen public struct PageRequester: Hashable, Sendable {
  /// The PASID, if the requests carry one.
  public var pasid: PASID?
  /// Execute access is asked for.
  public var execute: Bool
  /// The accesses are privileged.
  public var privileged: Bool

  /// A requester.
  @inlinable public init(pasid: PASID? = nil, execute: Bool = false, privileged: Bool = false) {
    self.pasid = pasid
    self.execute = execute
    self.privileged = privileged
  }
}

/// Why a device cannot ask for pages.
public enum PageRequestRefusal: String, Error, Hashable, Sendable, CaseIterable {
  /// Software has not enabled it.
  case disabled
  /// A response failure has stopped it.
  case failed
  /// Too many page requests are not answered yet.
  case limitReached
  /// More pages are asked for at once than may ever be unanswered, or none.
  case groupSize
}

/// A group of page requests that has been answered.
@frozen public struct AnsweredGroup: Hashable, Sendable {
  /// The group's index.
  public var index: UInt16
  /// The PASID of its requests.
  public var pasid: PASID?
  /// What became of it.
  public var code: PageGroupResponse.Code
}

/// A device's side of the Page Request Interface (PCI Express base specification sections 10.4 and 10.5.2): groups of page requests that are not
/// answered yet, and how many there may be.
public struct PageRequestInterface: Sendable {
  private struct Group: Sendable {
    var index: UInt16
    var requester: PageRequester
    var pages: [RequestedPage]
  }

  /// The indices that groups may have.
  public static let groupCount: UInt16 = 512

  /// The function whose pages are asked for.
  public let function: RequesterID
  /// Outstanding Page Request Allocation: the page requests that may be unanswered at once.
  public let allocation: Int
  /// The control register's enable bit: software lets the device ask for pages.
  public private(set) var isEnabled = false
  /// The status register's response failure bit: the device has been answered so, and stopped asking.
  public private(set) var hasFailed = false
  /// The status register's unexpected group index bit: a response was for no group that is waiting.
  public private(set) var hasMetUnexpectedResponse = false

  private var groups: [Group] = []
  private var answers: [AnsweredGroup] = []
  private var nextIndex: UInt16 = 0

  /// The interface of a function, disabled; `allocation` is at least 1.
  public init(_ function: RequesterID, allocation: Int) {
    self.function = function
    self.allocation = max(allocation, 1)
  }

  /// The page requests that are not answered yet.
  public var outstanding: Int { groups.reduce(0) { $0 + $1.pages.count } }

  /// The status register's stopped bit: the device does not ask, and no request of its own is unanswered.
  public var isStopped: Bool { (!isEnabled || hasFailed) && groups.isEmpty }

  /// Sets or clears the enable bit; requests that are unanswered stay so.
  public mutating func setEnabled(_ enabled: Bool) { isEnabled = enabled }

  /// Writes the control register's reset bit, which has an effect while the interface is disabled: forgets unanswered requests and errors.
  public mutating func reset() {
    guard !isEnabled else { return }
    groups.removeAll()
    hasFailed = false
    hasMetUnexpectedResponse = false
  }

  /// The unanswered group that asks for all of a page's rights already.
  public func group(for page: RequestedPage, _ requester: PageRequester) -> UInt16? {
    groups.first { group in
      group.requester == requester
        && group.pages.contains { $0.address == page.address && ($0.read || !page.read) && ($0.write || !page.write) }
    }?.index
  }

  /// Opens a group: the messages to send, in order, the last of them with the mark that asks for an answer.
  public mutating func request(_ pages: [RequestedPage], for requester: PageRequester) -> Result<[PageRequest], PageRequestRefusal> {
    guard isEnabled else { return .failure(.disabled) }
    guard !hasFailed else { return .failure(.failed) }
    guard (1...allocation).contains(pages.count) else { return .failure(.groupSize) }
    guard pages.count <= allocation - outstanding, let index = freeIndex() else { return .failure(.limitReached) }
    groups.append(Group(index: index, requester: requester, pages: pages))
    return .success(
      pages.indices.map { number in
        PageRequest(
          requester: function, pasid: requester.pasid, address: pages[number].address, group: index, last: number == pages.count - 1,
          read: pages[number].read, write: pages[number].write, execute: requester.execute, privileged: requester.privileged)
      })
  }

  // Indices are taken in turn, so that a late answer to a group that was given up seldom meets a new one.
  private mutating func freeIndex() -> UInt16? {
    guard groups.count < Int(Self.groupCount) else { return nil }
    while groups.contains(where: { $0.index == nextIndex }) { nextIndex = (nextIndex + 1) % Self.groupCount }
    defer { nextIndex = (nextIndex + 1) % Self.groupCount }
    return nextIndex
  }

  /// Takes a response; one that no group waits for is noted and has no other effect.
  public mutating func receive(_ response: PageGroupResponse) {
    guard
      let place = groups.firstIndex(where: { group in
        group.index == response.group && (response.pasid == nil || response.pasid == group.requester.pasid)
      })
    else {
      hasMetUnexpectedResponse = true
      return
    }
    let group = groups.remove(at: place)
    answers.append(AnsweredGroup(index: group.index, pasid: group.requester.pasid, code: response.code))
    if response.code == .responseFailure { hasFailed = true }
  }

  /// The oldest answer that has not been handed out, if any.
  public mutating func nextAnswer() -> AnsweredGroup? { answers.isEmpty ? nil : answers.removeFirst() }

  /// Gives up the unanswered groups of a PASID, or of every requester; answers that still come are unexpected.
  public mutating func cancel(pasid: PASID?) {
    groups.removeAll { pasid == nil || $0.requester.pasid == pasid }
  }
}
