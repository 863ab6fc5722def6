import Hardware
import PageTables
import Translation
import VTd

/// The caches that shorten walks: which of their entries a walk has used, and what the tables say of them.
extension StaleCheck {
  /// Checks what a walk has used, notes what it has learned, and answers the first stale thing that it used.
  ///
  /// - Parameters:
  ///   - reading: What the tables of the context say of the address.
  ///   - configuration: The words that decide about the context.
  ///   - origin: The stale entry that the context was found in, if it was.
  func checkWalk(
    _ request: TranslationRequest, _ context: TranslationContext, _ reading: TableReading, _ configuration: [PhysicalAddress],
    _ origin: Origin?
  ) -> Origin? {
    let cache: WalkDescent.Cache = context.stages == .second ? .second : context.stages == .nested ? .nested : .first
    let pointer = inspection.tablePointer(cache, for: request.address, in: context)
    var stale = pointer.flatMap { check($0, reading, configuration, request) }
    if context.stages == .nested, stale == nil {
      stale = checkGuestTables(request, context, reading, below: pointer?.level ?? .max, configuration, origin)
    }
    learn(
      reading, cache, at: request.address.rawValue, below: pointer?.level ?? .max, context, configuration, origin ?? stale)
    return stale
  }

  // Under a nested entry, the second stage is asked for every first-stage table but the one that the entry leads to, and for the page.
  private func checkGuestTables(
    _ request: TranslationRequest, _ context: TranslationContext, _ reading: TableReading, below level: UInt8,
    _ configuration: [PhysicalAddress], _ origin: Origin?
  ) -> Origin? {
    var stale: Origin?
    for guest in reading.guests where guest.level < level && guest.level != level &- 1 {
      let below = TableReading(guest.address, in: context, memory)
      let known = guest.level == 0 ? nil : inspection.tableTranslation(of: guest.address, in: context)
      if let known {
        let found = check(known, below, configuration, request)
        stale = stale ?? found
      } else {
        let pointer = inspection.tablePointer(.second, for: guest.address, in: context)
        if let pointer, let found = check(pointer, below, configuration, request) { stale = stale ?? found }
        learn(below, .second, at: guest.address.rawValue, below: pointer?.level ?? .max, context, configuration, origin ?? stale)
        if guest.level > 0, let page = below.page {
          let thing = CachedThing.tablePointer(
            .tables, level: 1, base: guest.address.alignedDown(12).rawValue, coverLog2: 12, domain: context.domain, addressSpace: 0)
          if !page.rights.isEmpty {
            fills[thing] = Fill(
              sequence: history.next(), places: configuration + below.entries.map(\.place), origin: origin ?? stale)
          }
        }
      }
    }
    return stale
  }

  // What a walk reads below the entry that it started from is what the caches will know.
  private func learn(
    _ reading: TableReading, _ cache: WalkDescent.Cache, at input: UInt64, below level: UInt8, _ context: TranslationContext,
    _ configuration: [PhysicalAddress], _ origin: Origin?
  ) {
    for table in reading.tables where table.level < level {
      let cover = 3 + 9 * table.level
      let thing = CachedThing.tablePointer(
        cache, level: table.level, base: IOVirtualAddress(input).alignedDown(cover).rawValue, coverLog2: cover, domain: context.domain,
        addressSpace: cache == .second ? 0 : context.addressSpace)
      let places = reading.places(downTo: table.level, isSecondStage: cache == .second)
      fills[thing] = Fill(sequence: history.next(), places: configuration + places, origin: origin)
    }
  }

  private func check(
    _ pointer: TablePointer, _ reading: TableReading, _ configuration: [PhysicalAddress], _ request: TranslationRequest
  ) -> Origin? {
    let thing = CachedThing(pointer)
    var table = reading.tables.first { $0.level == pointer.level }
    if pointer.cache == .tables {
      table = reading.page.map { TableReading.Table(level: 1, table: $0.address.alignedDown(12), rights: $0.rights) }
    }
    if let table, table.table == pointer.table, table.rights == pointer.rights {
      let places = reading.places(downTo: pointer.level, isSecondStage: pointer.cache == .second || pointer.cache == .tables)
      fills[thing] = Fill(sequence: history.next(), places: configuration + places)
      return nil
    }
    let lost = freed[pointer.table.pageNumber(12)]
    return report(
      thing, in: .walkCache, request, cached: "table \(pointer.table) \(pointer.rights.short)",
      present: table.map { "table \($0.table) \($0.rights.short)" } ?? reading.end, level: pointer.level,
      freed: table?.table == pointer.table ? nil : lost)
  }
}
