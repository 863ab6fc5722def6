import Hardware
import PageTables
import VTdArchitecture

extension VTdDriver {
  /// Maps `length` bytes from `iova` on to those from `target` on; replaces what is mapped there.
  public func map(
    _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError) {
    let (domain, secondStage) = try translated(space)
    let run = PageRun(iova, length: max(length, 1))
    guard run.last >> UInt64(addressWidth - PageSizeLog2.size4K) == 0 else { throw .pageTable(.outOfRange(iova.rawValue)) }
    // Whoever maps anew what hardware may still know would give the device the old translation.
    if !deferring.isEmpty, domain.pending.overlap(first: run.first, last: run.last) { try flush(domain) }
    do {
      try secondStage.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    } catch .alreadyMapped {
      try replace(run, iova, to: target, length: length, permissions, largestPageLog2, of: domain, secondStage)
    } catch { throw .pageTable(error) }
    activity.maps += 1
    if identity.capabilities.cachingMode {
      // What was not present may be cached (VT-d rev 5.10 section 6.1).
      try issue(.iotlb(translations(pages(of: domain.id, run, leafOnly: false))))
      try complete()
    }
    try flushWriteBuffer()
  }

  private func replace(
    _ run: PageRun, _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, _ permissions: Permissions,
    _ largestPageLog2: UInt8, of domain: Domain, _ secondStage: PageTableBuilder<VTdSecondStage>
  ) throws(HostDriverError) {
    activity.replacements += 1
    _ = try remove(run, iova, length: length, from: domain, secondStage, freesAddresses: false)
    if !deferring.isEmpty, domain.pending.overlap(first: run.first, last: run.last) { try flush(domain) }
    do {
      try secondStage.map(iova, to: target, length: length, permissions: permissions, largestPageLog2: largestPageLog2)
    } catch { throw .pageTable(error) }
  }

  /// Unmaps whatever is mapped in the `length` bytes from `iova` on, and invalidates as the policy says.
  @discardableResult
  public func unmap(_ iova: IOVirtualAddress, length: UInt64, in space: AddressSpace) throws(HostDriverError) -> UInt64 {
    let (domain, secondStage) = try translated(space)
    return try remove(PageRun(iova, length: max(length, 1)), iova, length: length, from: domain, secondStage, freesAddresses: false)
  }

  /// Maps `length` bytes from `target` on at addresses that the driver chooses.
  ///
  /// - Parameter limit: The addresses lie below this, as a device of few address bits needs.
  /// - Returns: The first address.
  public func mapAnywhere(
    to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace, below limit: IOVirtualAddress? = nil
  ) throws(HostDriverError) -> IOVirtualAddress {
    let (domain, _) = try translated(space)
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
    let (domain, secondStage) = try translated(space)
    _ = try remove(PageRun(iova, length: max(length, 1)), iova, length: length, from: domain, secondStage, freesAddresses: true)
  }

  private func translated(_ space: AddressSpace) throws(HostDriverError) -> (Domain, PageTableBuilder<VTdSecondStage>) {
    let domain = try existing(space)
    guard let secondStage = domain.secondStage else { throw .notTranslated(space) }
    return (domain, secondStage)
  }

  private func remove(
    _ run: PageRun, _ iova: IOVirtualAddress, length: UInt64, from domain: Domain, _ secondStage: PageTableBuilder<VTdSecondStage>,
    freesAddresses: Bool
  ) throws(HostDriverError) -> UInt64 {
    freedTables.removeAll(keepingCapacity: true)
    let bytes: UInt64
    do {
      bytes = try secondStage.unmap(iova, length: length, freed: &freedTables)
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
      try issue(.iotlb(translations(pages(of: domain.id, run, leafOnly: freedTables.isEmpty))))
      try complete()
      giveBack(freedTables)
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
