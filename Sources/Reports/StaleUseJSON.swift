import Hardware
import Replay

/// The findings of a check for stale uses, as JSON.
enum StaleUseJSON {
  static func value(_ uses: StaleUses) -> JSONValue {
    .object([
      .init("uses", .integer(uses.uses)),
      .init(
        "counts",
        .array(
          uses.counts.map {
            .object([
              .init("cache", .string($0.cache.rawValue)), .init("cause", .string($0.cause.rawValue)), .init("uses", .integer($0.uses)),
            ])
          })),
      .init("stale_entries", .integer(uses.staleThings)),
      .init("findings", .array(uses.findings.map(value))),
      .init("dangling_pointers", .integer(uses.danglingPointerCount)),
      .init("dangling_pointer_findings", .array(uses.danglingPointers.map(value))),
      .init("domain_conflicts", .integer(uses.domainConflictCount)),
      .init("domain_conflict_findings", .array(uses.domainConflicts.map(value))),
    ])
  }

  private static func value(_ use: StaleUse) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("requester", .string(use.requester.description)),
      .init("pasid", use.pasid.map { .integer(UInt64($0.rawValue)) } ?? .null),
      .init("address", .string(use.address.description)),
    ]
    members += moment(use.moment)
    members += [.init("uses", .integer(use.uses)), .init("cache", .string(use.cache.rawValue))]
    if let level = use.level { members.append(.init("level", .integer(UInt64(level)))) }
    members += [.init("cached", .string(use.cached)), .init("present", .string(use.present))]
    if let write = use.since {
      let parts: [JSONValue.Member] = [
        .init("address", .string(write.place.description)), .init("before", .word(write.before, digits: 16)),
        .init("after", .word(write.after, digits: 16)),
      ]
      members.append(.init("since", .object(moment(write.moment) + parts)))
    }
    if let filling = use.filledFrom {
      members.append(.init("filled_from", .object([.init("cache", .string(filling.cache.rawValue))] + moment(filling.moment))))
    }
    if let freed = use.freed { members.append(.init("freed_table", value(freed))) }
    members.append(.init("cause", .string(use.cause.rawValue)))
    if let given = use.given {
      members.append(
        .init("given", .object(moment(given.moment) + [.init("invalidation", .string(InvalidationName.of(given.request)))])))
    }
    members.append(.init("needed", .string(InvalidationName.of(use.needed))))
    return .object(members)
  }

  private static func value(_ freed: FreedTable) -> JSONValue {
    var members: [JSONValue.Member] = [.init("table", .string(freed.table.description))]
    members += moment(freed.moment)
    if let reused = freed.reused { members.append(.init("reused", .object(moment(reused)))) }
    return .object(members)
  }

  private static func value(_ pointer: DanglingPointer) -> JSONValue {
    .object([
      .init("freed_table", value(pointer.freed)), .init("level", .integer(UInt64(pointer.pointer.level))),
      .init("address", .word(pointer.pointer.base, digits: 1)), .init("domain", .integer(UInt64(pointer.pointer.domain))),
    ])
  }

  private static func value(_ conflict: DomainConflict) -> JSONValue {
    let users = zip(conflict.requesters, conflict.pasids).map { requester, pasid in
      JSONValue.object([
        .init("requester", .string(requester.description)), .init("pasid", pasid.map { .integer(UInt64($0.rawValue)) } ?? .null),
      ])
    }
    let members: [JSONValue.Member] = [
      .init("domain", .integer(UInt64(conflict.domain.rawValue))), .init("rule", .string(conflict.rule.rawValue)),
      .init("users", .array(users)),
    ]
    return .object(members + moment(conflict.moment))
  }

  private static func moment(_ moment: ReplayMoment) -> [JSONValue.Member] {
    [
      .init("record", .integer(moment.record)),
      .init("time_ns", .decimal(FixedPoint(moment.time.picoseconds, decimals: 3))),
    ]
  }
}
