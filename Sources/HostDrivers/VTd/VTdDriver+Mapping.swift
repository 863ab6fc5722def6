import Hardware
import PageTables
import VTdArchitecture

extension VTdDriver {
  /// Maps `length` bytes from `iova` on to those from `target` on; replaces what is mapped there.
  public func map(
    _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError) {
    let domain = try translated(space)
    guard domain.parent == nil else { throw .wrongTarget(space) }
    let run = PageRun(iova, length: max(length, 1))
    if domain.guestTables?.overlap(first: run.first, last: run.last) ?? false {
      throw .reservedForTables(GuestPhysicalAddress(iova.rawValue))
    }
    try map(run, iova, to: target, length: length, permissions, largestPageLog2, in: domain)
  }

  /// Maps `length` bytes from `iova` on, in an address space of both stages, to the guest physical ones from `target` on.
  public func map(
    _ iova: IOVirtualAddress, to target: GuestPhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError) {
    let domain = try translated(space)
    guard domain.parent != nil else { throw .wrongTarget(space) }
    let last = target.rawValue.addingReportingOverflow(max(length, 1) - 1)
    guard !last.overflow, last.partialValue >> UInt64(guestAddressWidth) == 0 else { throw .pageTable(.outOfRange(target.rawValue)) }
    try map(PageRun(iova, length: max(length, 1)), iova, to: target, length: length, permissions, largestPageLog2, in: domain)
  }

  private func map<Output: Address>(
    _ run: PageRun, _ iova: IOVirtualAddress, to target: Output, length: UInt64, _ permissions: Permissions, _ largestPageLog2: UInt8,
    in domain: Domain
  ) throws(HostDriverError) {
    if domain.stages == .secondStage, run.last >> UInt64(addressWidth - PageSizeLog2.size4K) != 0 {
      throw .pageTable(.outOfRange(iova.rawValue))
    }
    // Whoever maps anew what hardware may still know would give the device the old translation.
    if !deferring.isEmpty, domain.pending.overlap(first: run.first, last: run.last) { try flush(domain) }
    do throws(PageTableError) {
      try domain.tables.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    } catch {
      guard case .alreadyMapped = error else { throw .pageTable(error) }
      try replace(run, iova, to: target, length: length, permissions, largestPageLog2, in: domain)
    }
    activity.maps += 1
    if identity.capabilities.cachingMode, domain.stages == .secondStage {
      // What a second stage does not map may be cached (VT-d rev 5.10 section 6.1).
      try issueForget(run, of: domain, leafOnly: false)
      try complete()
    } else if identity.capabilities.cachingMode, domain.parent != nil {
      // Nor does it keep the driver's tables from being cached as absent before they were there.
      try issue(.iotlb(translations(.domain(domain.id))))
      try complete()
    }
    try flushWriteBuffer()
  }

  private func replace<Output: Address>(
    _ run: PageRun, _ iova: IOVirtualAddress, to target: Output, length: UInt64, _ permissions: Permissions, _ largestPageLog2: UInt8,
    in domain: Domain
  ) throws(HostDriverError) {
    activity.replacements += 1
    _ = try remove(run, iova, length: length, from: domain, freesAddresses: false)
    if !deferring.isEmpty, domain.pending.overlap(first: run.first, last: run.last) { try flush(domain) }
    do throws(PageTableError) {
      try domain.tables.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    } catch { throw .pageTable(error) }
  }

  /// Unmaps whatever is mapped in the `length` bytes from `iova` on, and invalidates as the policy says.
  @discardableResult
  public func unmap(_ iova: IOVirtualAddress, length: UInt64, in space: AddressSpace) throws(HostDriverError) -> UInt64 {
    let domain = try translated(space)
    let run = PageRun(iova, length: max(length, 1))
    if domain.guestTables?.overlap(first: run.first, last: run.last) ?? false {
      throw .reservedForTables(GuestPhysicalAddress(iova.rawValue))
    }
    return try remove(run, iova, length: length, from: domain, freesAddresses: false)
  }

  /// Maps `length` bytes from `target` on at addresses that the driver chooses.
  ///
  /// - Parameter limit: The addresses lie below this, as a device of few address bits needs.
  /// - Returns: The first address.
  public func mapAnywhere(
    to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace, below limit: IOVirtualAddress? = nil
  ) throws(HostDriverError) -> IOVirtualAddress {
    let domain = try translated(space)
    guard domain.parent == nil else { throw .wrongTarget(space) }
    var found = domain.addresses.allocate(length: length, below: limit)
    if found == nil, !domain.pending.isEmpty, configuration.policy != .recorded {
      // What deferred unmaps hold back may be enough.
      try flush(domain)
      found = domain.addresses.allocate(length: length, below: limit)
    }
    guard let iova = found else { throw .outOfAddresses(length: length) }
    do {
      try map(iova, to: target, length: length, permissions: permissions, in: space)
    } catch {
      domain.addresses.free(iova, length: length)
      throw error
    }
    return iova
  }

  /// Unmaps what `mapAnywhere` mapped with the same length; the addresses are used again once hardware has forgotten them.
  public func unmapAnywhere(_ iova: IOVirtualAddress, length: UInt64, in space: AddressSpace) throws(HostDriverError) {
    let domain = try translated(space)
    _ = try remove(PageRun(iova, length: max(length, 1)), iova, length: length, from: domain, freesAddresses: true)
  }

  private func translated(_ space: AddressSpace) throws(HostDriverError) -> Domain {
    let domain = try existing(space)
    if case .none = domain.tables { throw .notTranslated(space) }
    return domain
  }

  private func remove(
    _ run: PageRun, _ iova: IOVirtualAddress, length: UInt64, from domain: Domain, freesAddresses: Bool
  ) throws(HostDriverError) -> UInt64 {
    freedTables.removeAll(keepingCapacity: true)
    let bytes: UInt64
    do throws(PageTableError) {
      bytes = try domain.tables.unmap(iova, length: length, freed: &freedTables)
    } catch {
      // A large page that could not be split may come after others that are gone already.
      if error == .outOfTables { try settle(run, of: domain, freesAddresses: false) }
      throw .pageTable(error)
    }
    guard bytes > 0 || freesAddresses else { return 0 }
    activity.unmaps += 1
    activity.unmappedBytes += bytes
    try settle(run, of: domain, freesAddresses: freesAddresses)
    return bytes
  }

  // Tells hardware of pages that have gone, and gives back the tables that have gone with them, now or later.
  private func settle(_ run: PageRun, of domain: Domain, freesAddresses: Bool) throws(HostDriverError) {
    switch configuration.policy {
    case .strict:
      // Pointers to tables may stay cached if every table stays.
      try issueForget(run, of: domain, leafOnly: freedTables.isEmpty)
      try complete()
      giveBack(freedTables, of: domain)
      if freesAddresses { domain.addresses.free(IOVirtualAddress(run.first << 12), length: (run.last - run.first + 1) << 12) }
    case .deferred(let batch, let timeout):
      if domain.pending.isEmpty { deferring.append(domain) }
      domain.pending.append(first: run.first, last: run.last, tables: freedTables, freesAddresses: freesAddresses)
      let due = bus.now + timeout
      if due >= bus.now { nextDue = min(nextDue, due) }
      if domain.pending.entries.count >= batch { try flush(domain) }
      try runDue()
    case .recorded:
      guard !freedTables.isEmpty || freesAddresses else { return }
      domain.pending.append(first: run.first, last: run.last, tables: freedTables, freesAddresses: freesAddresses)
    }
  }
}
