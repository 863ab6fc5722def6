import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Makes the PASID entry of a route, and above it whatever is missing of PASID table, directory and context entry (VT-d rev 5.10 sections 9.4 to
  /// 9.6). Written from the bottom up, so that hardware finds each level complete.
  func enter(_ pasid: PASID, of requester: RequesterID, _ state: inout Requester, _ domain: Domain) throws(HostDriverError) {
    let isNew = state.directorySize == 0
    let needed = neededDirectorySize(for: pasid)
    let old = state
    if needed > state.directorySize {
      state.directory = try allocate(sizeLog2: Requester.directorySizeLog2(needed))
      state.directorySize = needed
      if !isNew { copyDirectory(from: old, to: state) }
    }
    let link = state.directory.advanced(by: PASIDDirectoryEntry.index(of: pasid) * PASIDDirectoryEntry.byteCount)
    var directoryEntry = PASIDDirectoryEntry(rawValue: memory.read64(link) ?? 0)
    if !directoryEntry.present {
      do { directoryEntry = PASIDDirectoryEntry(table: try allocate()) } catch {
        if needed > old.directorySize {
          tables.deallocate(state.directory, sizeLog2: Requester.directorySizeLog2(needed))
        }
        throw error
      }
      state.pasidTables.append(directoryEntry.table)
    }
    store(pasidEntry(for: domain).words, at: place(of: pasid, in: directoryEntry))
    memory.write64(link, directoryEntry.rawValue)
    guard needed > old.directorySize else { return }
    store(contextEntry(of: requester, state).words, at: state.contextEntry)
    guard !isNew else { return }
    // The context entry has got a larger directory.
    try forgetContext(of: requester, old, services(of: requester))
    tables.deallocate(old.directory, sizeLog2: Requester.directorySizeLog2(old.directorySize))
  }

  /// Clears the PASID entry of a route, with what that asks for: the PASID cache, the translations, the device-TLB, and the page requests that
  /// are still on their way (VT-d rev 5.10 table 28 and section 7.9).
  func leave(_ route: Domain.Route, _ state: Requester, _ domain: Domain, _ services: DeviceServices) throws(HostDriverError) {
    let link = state.directory.advanced(by: PASIDDirectoryEntry.index(of: route.pasid) * PASIDDirectoryEntry.byteCount)
    let entry = place(of: route.pasid, in: PASIDDirectoryEntry(rawValue: memory.read64(link) ?? 0))
    memory.write64(entry, (memory.read64(entry) ?? 0) & ~1)
    if configuration.policy != .recorded {
      try issue(.pasidCache(.pasid(domain.id, route.pasid)))
      try forgetTranslations(of: route, domain, services)
      if services.pageRequests { try drainPageRequests(of: route, domain, services) }
    }
    store(SIMD8<UInt64>.zero, at: entry)
  }

  /// Clears the context entry of a requester without any route left, and gives its PASID tables back (VT-d rev 5.10 table 28: no PASID entry is
  /// present any more, so the PASID cache needs nothing). `domain` is the one it left last.
  func retire(
    _ requester: RequesterID, _ state: Requester, _ domain: Domain, _ services: DeviceServices
  ) throws(HostDriverError) {
    memory.write64(state.contextEntry, (memory.read64(state.contextEntry) ?? 0) & ~1)
    try issue(.contextCache(.device(requester, functionMask: 0, domain.id)))
    try issue(.iotlb(translations(.domain(domain.id))))
    try forgetDevice(requester, services)
    try complete()
    store(SIMD4<UInt64>.zero, at: state.contextEntry)
    giveBack(state.pasidTables)
    tables.deallocate(state.directory, sizeLog2: Requester.directorySizeLog2(state.directorySize))
  }

  private func pasidEntry(for domain: Domain) -> PASIDTableEntry {
    var entry = PASIDTableEntry(stages: domain.stages, domain: domain.id)
    guard domain.stages != .passThrough else { return entry }
    entry.pageWalkSnoop = identity.extended.scalableModePageWalkCoherency
    if let table = domain.secondStageRoot {
      entry.width = secondStageFormat.rootLevel - 2
      entry.secondStageTable = table
      entry.secondStageAccessedDirty = usesAccessedDirty
    }
    if let table = domain.firstStage {
      entry.firstStageTable = table.root
      entry.firstStageMode = table.levels - 4
      entry.supervisorRequests = table.allowsPrivileged
      entry.writeProtect = table.writeProtect
      entry.extendedAccessed = table.extendedAccessed
    }
    return entry
  }

  private func place(of pasid: PASID, in directoryEntry: PASIDDirectoryEntry) -> PhysicalAddress {
    directoryEntry.table.advanced(by: PASIDTableEntry.index(of: pasid) * PASIDTableEntry.byteCount)
  }

  // Whoever makes no invalidations of its own can't change a context entry later: it starts with a directory for every PASID of the unit.
  private func neededDirectorySize(for pasid: PASID) -> UInt8 {
    guard configuration.policy == .recorded, identity.extended.pasid else { return Requester.directorySize(for: pasid) }
    return Requester.directorySize(for: PASID((1 << UInt32(identity.extended.pasidWidth)) - 1))
  }

  private func copyDirectory(from old: Requester, to new: Requester) {
    for index in 0..<(UInt64(1) << UInt64(old.directorySize + 7)) {
      let offset = index * PASIDDirectoryEntry.byteCount
      memory.write64(new.directory.advanced(by: offset), memory.read64(old.directory.advanced(by: offset)) ?? 0)
    }
  }
}
