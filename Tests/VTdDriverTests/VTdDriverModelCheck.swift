import Hardware
import HostDrivers
import Testing
import VTdArchitecture

/// Random maps, unmaps, attachments and accesses on a unit with caches, against dictionaries that know what software has said.
@Suite struct VTdDriverModelCheck {
  /// What software has said of one address space.
  private struct Expected {
    let space: AddressSpace
    var pages: [UInt64: UInt64] = [:]
    /// What each page has been since the last flush of everything, the present aside.
    var past: [UInt64: Set<UInt64>] = [:]
  }

  @Test("Strict: never a stale translation, never a right one lost", arguments: Setting.all, 0..<UInt64(4))
  func strict(setting: Setting, seed: UInt64) throws {
    try run(setting, .strict, seed, steps: 1500, span: 1200)
  }

  @Test("The same in a first stage, and in one nested in a second that changes too", arguments: [Stage.first, .nested], 0..<UInt64(6))
  func stages(stage: Stage, seed: UInt64) throws {
    try run(.complete, .strict, seed, stage: stage, steps: 2500, span: seed % 2 == 0 ? 1200 : 30)
  }

  @Test("Deferred in a first stage: a stale translation only of a page that is not mapped anew", arguments: 0..<UInt64(4))
  func deferredFirstStage(seed: UInt64) throws {
    try run(.complete, .deferred(batch: 100, timeout: .never), seed, stage: .first, steps: 3000, span: seed % 2 == 0 ? 1200 : 30)
  }

  /// The stage whose tables are changed.
  enum Stage { case first, second, nested }

  /// A guest's memory: the machine's page of each of its pages.
  private struct Guest {
    static let pages: UInt64 = 65 * 512
    let space: AddressSpace
    var hostPages: [UInt64: UInt64] = [:]

    init(_ driver: VTdDriver) throws {
      space = try driver.makeAddressSpace(.secondStage)
      try driver.map(
        GuestPhysicalAddress(0), to: PhysicalAddress(Self.pages << 13), length: Self.pages << 12, permissions: .readWrite, in: space)
    }

    /// Moves one page elsewhere.
    mutating func move(_ page: UInt64, to host: UInt64, _ driver: VTdDriver) throws {
      try driver.map(GuestPhysicalAddress(page << 12), to: PhysicalAddress(host << 12), length: 4096, permissions: .readWrite, in: space)
      hostPages[page] = host
    }

    func host(_ page: UInt64) -> UInt64 { hostPages[page] ?? page + Self.pages << 1 }
  }

  @Test("Deferred: a stale translation only of a page that is not mapped anew, and none after a flush", arguments: 0..<UInt64(8))
  func deferred(seed: UInt64) throws {
    try run(.scalable, .deferred(batch: 100, timeout: .never), seed, steps: 3000, span: seed % 2 == 0 ? 1200 : 30)
  }

  private func run(
    _ setting: Setting, _ policy: InvalidationPolicy, _ seed: UInt64, stage: Stage = .second, steps: Int, span: UInt64
  ) throws {
    let machine = try setting.machine()
    let driver = try machine.bringUp {
      $0.mode = setting.mode
      $0.policy = policy
    }
    let hasPASIDs = setting.isScalable
    var random = SplitMix64(seed: seed)
    var guest = stage == .nested ? try Guest(driver) : nil
    let kind: AddressSpaceKind = guest.map { .nested(parent: $0.space) } ?? (stage == .first ? .firstStage : .secondStage)
    var spaces: [Expected] = try (0..<(span > 512 ? 3 : 1)).map { _ in Expected(space: try driver.makeAddressSpace(kind)) }
    let routes: [(RequesterID, PASID?)] = [(RequesterID(0x10), nil), (RequesterID(0x91), nil), (RequesterID(0x10), PASID(0x8001))]
      .filter { hasPASIDs || $0.1 == nil }
    var attached: [Int?] = routes.map { _ in nil }
    for step in 0..<steps {
      let chosen = Int(random.next(below: UInt64(spaces.count)))
      var first = span > 512 && random.next(below: 3) == 0 ? 512 * random.next(below: 3) : random.next(below: span)
      let count = span > 512 && random.next(below: 6) == 0 ? 512 : 1 + random.next(below: span > 512 ? 9 : 3)
      var action = random.next(below: 12)
      // On few pages detachments, flushes and replacements are rare, so that what is stale lives long enough to be met.
      if span <= 512, action == 4 || action == 5, attached.contains(nil) == false, random.next(below: 20) != 0 { action = 6 }
      if span <= 512, action <= 1 { while spaces[chosen].pages[first] != nil { first += 1 } }
      switch action {
      case 0...1:
        let target = 512 * random.next(below: 64) + (count == 512 ? 0 : random.next(below: 512))
        let iova = IOVirtualAddress(first << 12)
        if guest != nil {
          try driver.map(
            iova, to: GuestPhysicalAddress(target << 12), length: count << 12, permissions: .readWrite, in: spaces[chosen].space)
        } else {
          try driver.map(iova, to: PhysicalAddress(target << 12), length: count << 12, permissions: .readWrite, in: spaces[chosen].space)
        }
        for page in 0..<count {
          spaces[chosen].past[first + page] = nil
          spaces[chosen].pages[first + page] = target + page
        }
      case 2...3:
        try driver.unmap(IOVirtualAddress(first << 12), length: count << 12, in: spaces[chosen].space)
        for page in first..<first + count {
          guard let old = spaces[chosen].pages.removeValue(forKey: page), policy != .strict else { continue }
          spaces[chosen].past[page, default: []].insert(old)
        }
      case 4:
        let route = Int(random.next(below: UInt64(routes.count)))
        if attached[route] == nil {
          try driver.attach(routes[route].0, pasid: routes[route].1, to: spaces[chosen].space)
          attached[route] = chosen
        } else {
          try driver.detach(routes[route].0, pasid: routes[route].1)
          attached[route] = nil
        }
      case 5 where guest != nil:
        let page = spaces[chosen].pages.values.min() ?? 0
        try guest?.move(page, to: random.next(below: Guest.pages), driver)
      case 5:
        try driver.flush()
        for index in spaces.indices { spaces[index].past = [:] }
      default:
        let route = Int(random.next(below: UInt64(routes.count)))
        let result = machine.access(first << 12 | 0x40, by: routes[route].0, pasid: routes[route].1)
        let now = attached[route].flatMap { spaces[$0].pages[first] }.map { guest?.host($0) ?? $0 }
        let past = attached[route].flatMap { spaces[$0].past[first] } ?? []
        switch result {
        case .to(let address):
          guard address >> 12 == now || (now == nil && past.contains(address >> 12)) else {
            Issue.record("seed \(seed) step \(step): page \(first) went to \(address >> 12), expected \(String(describing: now))")
            return
          }
        case .fault(let code):
          guard now == nil else {
            Issue.record("seed \(seed) step \(step): page \(first) faulted with \(code), expected \(String(describing: now))")
            return
          }
        }
      }
    }
    #expect(driver.activity.maps > 0 && driver.activity.unmaps > 0 && driver.activity.faults > 0)
  }
}
