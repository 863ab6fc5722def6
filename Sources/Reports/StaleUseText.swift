import Hardware
import Replay

/// The findings of a check for stale uses, for people.
enum StaleUseText {
  static func lines(_ uses: StaleUses) -> [String] {
    guard !uses.isEmpty else { return ["stale uses: none"] }
    var lines: [String] = []
    if !uses.counts.isEmpty {
      var table = TextTable()
      table.add(["stale uses", "cause", "requests"])
      for count in uses.counts { table.add(["  " + name(count.cache), name(count.cause), count.uses.grouped]) }
      lines += table.lines
      let left = uses.staleThings - UInt64(uses.findings.count)
      for (index, use) in uses.findings.enumerated() { lines += describe(use, index + 1) }
      if left > 0 { lines.append("  … and \(left.grouped) more stale entries") }
    }
    lines += list("tables given back while a walk cache points to them", uses.danglingPointerCount, uses.danglingPointers.map(describe))
    lines += list("domain ids shared against the rules", uses.domainConflictCount, uses.domainConflicts.map(describe))
    return lines
  }

  private static func list(_ title: String, _ count: UInt64, _ items: [String]) -> [String] {
    guard count > 0 else { return [] }
    let left = count - UInt64(items.count)
    return ["\(title): \(count.grouped)"] + items.map { "  " + $0 } + (left > 0 ? ["  … and \(left.grouped) more"] : [])
  }

  private static func describe(_ use: StaleUse, _ number: Int) -> [String] {
    let who = "\(use.requester)" + (use.pasid.map { " PASID \($0)" } ?? "")
    var lines = [
      "  \(number). \(who) at \(use.address), \(moment(use.moment)), \(use.uses == 1 ? "once" : "\(use.uses.grouped) times")",
      "     \(name(use.cache))\(use.level.map { ", level \($0)" } ?? ""): \(use.cached); now \(use.present)",
    ]
    if let write = use.since {
      lines.append("     since \(moment(write.moment)): \(write.place) changed from \(hex(write.before)) to \(hex(write.after))")
    }
    if let filling = use.filledFrom { lines.append("     filled from the stale \(name(filling.cache)), \(moment(filling.moment))") }
    if let freed = use.freed {
      let reuse = freed.reused.map { ", and used again, \(moment($0))" } ?? ""
      lines.append("     that table was given back, \(moment(freed.moment))\(reuse)")
    }
    lines.append("     \(cause(use))")
    return lines
  }

  private static func cause(_ use: StaleUse) -> String {
    let needed = InvalidationName.of(use.needed)
    let given = use.given.map { "\(InvalidationName.of($0.request)), \(moment($0.moment))" } ?? ""
    return switch use.cause {
    case .missing: "missing: no invalidation since; needed: \(needed)"
    case .tooNarrow: "too narrow: \(given); needed: \(needed)"
    case .outOfOrder: "out of order: \(given), came too early; needed after: \(needed)"
    case .deferred: "deferred: the driver has put the invalidation off, so that devices can still use what it has unmapped"
    }
  }

  private static func describe(_ pointer: DanglingPointer) -> String {
    "\(pointer.freed.table), \(moment(pointer.freed.moment)): level \(pointer.pointer.level) entry for "
      + "\(hex(pointer.pointer.addresses.lowerBound))-\(hex(pointer.pointer.addresses.upperBound)) of domain \(pointer.pointer.domain)"
  }

  private static func describe(_ conflict: DomainConflict) -> String {
    let users = zip(conflict.requesters, conflict.pasids).map { "\($0)" + ($1.map { " PASID \($0)" } ?? "") }
    return "domain \(conflict.domain), \(moment(conflict.moment)): \(users.joined(separator: " and ")): \(rule(conflict.rule))"
  }

  private static func rule(_ rule: DomainConflict.Rule) -> String {
    switch rule {
    case .domainOfOneTable: "one domain id, two second-stage tables or widths"
    case .domainOfOneKind: "one domain id with a second stage and without"
    case .pasidOfOneTable: "one PASID in one domain, two first-stage tables, modes or types"
    case .tablesOfOneMode: "the same tables with two first-stage modes"
    case .flagsOfOneTable: "one second-stage table with accessed and dirty flags and without"
    }
  }

  private static func name(_ cache: StaleUse.Cache) -> String {
    switch cache {
    case .iotlb: "IOTLB entry"
    case .walkUnderWay: "walk under way"
    case .context: "context entry"
    case .pasid: "PASID entry"
    case .walkCache: "walk cache entry"
    }
  }

  private static func name(_ cause: StaleUse.Cause) -> String {
    switch cause {
    case .missing: "missing"
    case .tooNarrow: "too narrow"
    case .outOfOrder: "out of order"
    case .deferred: "deferred"
    }
  }

  private static func moment(_ moment: ReplayMoment) -> String {
    "record \(moment.record) at \(FixedPoint(moment.time.picoseconds / 1000, decimals: 3)) us"
  }

  private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
