import Hardware

/// The page requests of groups whose last one has not come yet, and the groups that wait for an answer.
///
/// The device decides how many requests it sends without ever ending a group, so there is a limit to what is kept.
struct PageRequestLists {
  /// The most requests kept of unfinished groups.
  let limit: Int
  private var unfinished: [PageRequestGroup.Identity: [PageRequestGroup.Request]] = [:]
  private var count = 0
  /// The groups whose answer the handler owes.
  private(set) var pending: Set<PageRequestGroup.Identity> = []

  init(limit: Int) { self.limit = limit }

  /// Keeps a request until its group is complete; false if there is no room.
  mutating func append(_ request: PageRequestGroup.Request, to group: PageRequestGroup.Identity) -> Bool {
    guard count < limit else { return false }
    unfinished[group, default: []].append(request)
    count += 1
    return true
  }

  /// The whole group that a last request completes.
  mutating func complete(_ group: PageRequestGroup.Identity, with last: PageRequestGroup.Request) -> PageRequestGroup {
    let earlier = unfinished.removeValue(forKey: group) ?? []
    count -= earlier.count
    return PageRequestGroup(identity: group, requests: earlier + [last])
  }

  /// Notes that the answer to a group follows.
  mutating func postpone(_ group: PageRequestGroup.Identity) { pending.insert(group) }

  /// Takes a group off the list of those that are owed an answer; false if it is not there.
  mutating func settle(_ group: PageRequestGroup.Identity) -> Bool { pending.remove(group) != nil }

  /// Drops every unfinished group, whose last request may have been lost; answers how many requests that are.
  mutating func discardUnfinished() -> Int {
    defer { count = 0 }
    unfinished.removeAll(keepingCapacity: true)
    return count
  }

  /// Drops the unfinished groups of one sender; answers how many requests that are.
  mutating func discardUnfinished(_ requester: RequesterID, _ pasid: PASID?) -> Int {
    let groups = unfinished.keys.filter { $0.requester == requester && $0.pasid == pasid }
    let dropped = groups.reduce(0) { $0 + (unfinished.removeValue(forKey: $1)?.count ?? 0) }
    count -= dropped
    return dropped
  }

  /// The groups of one sender that are owed an answer, in the order of their indices.
  func pending(_ requester: RequesterID, _ pasid: PASID?) -> [PageRequestGroup.Identity] {
    pending.filter { $0.requester == requester && $0.pasid == pasid }.sorted { $0.index < $1.index }
  }
}
