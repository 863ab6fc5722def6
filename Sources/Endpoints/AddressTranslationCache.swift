import Hardware
import Translation

/// A device's cache of translations (PCI Express base specification chapter 10: the ATC), filled by completions of translation requests and
/// emptied by invalidation requests.
///
/// An entry is found by page, PASID and privilege. It is only made of completions that allow something: what faulted, and what may only be
/// accessed untranslated, is asked for again each time.
///
/// - Complexity: a lookup is O(page sizes present), an insertion O(1), an invalidation O(entries) at most.
@frozen public struct AddressTranslationCache: ~Copyable {
  /// A cached translation.
  @frozen public struct Entry: BitwiseCopyable, Sendable {
    /// The physical base of the page.
    public var page: PhysicalAddress
    /// What the translation allows.
    public var permissions: Permissions
    /// The base-2 logarithm of the page's bytes, 12 to 63.
    public var sizeLog2: UInt8
    /// Accesses must not ask for "no snoop".
    public var noSnoop: Bool

    @inlinable init(page: PhysicalAddress, permissions: Permissions, sizeLog2: UInt8, noSnoop: Bool) {
      self.page = page
      self.permissions = permissions
      self.sizeLog2 = sizeLog2
      self.noSnoop = noSnoop
    }

    /// The physical address of an access in the page.
    @inlinable public func output(_ address: IOVirtualAddress) -> PhysicalAddress { page.advanced(by: address.pageOffset(sizeLog2)) }
  }

  /// Whose translations are meant: those of a PASID, or of requests without one, at one privilege.
  @frozen public struct Space: Hashable, Sendable {
    // Bits 20:0 the PASID and 1, or 0, or all ones for every PASID; bit 21 the privilege.
    @usableFromInline var key: UInt64

    /// The space of requests with the given PASID and privilege.
    @inlinable public init(_ pasid: PASID?, privileged: Bool = false) {
      key = (pasid.map { UInt64($0.rawValue) &+ 1 } ?? 0) | (privileged ? 1 &<< 21 : 0)
    }

    @inlinable init(key: UInt64) { self.key = key }

    /// The space that every PASID shares at the same privilege.
    @inlinable var global: Space { Space(key: key | Self.pasidField) }
    @inlinable static var pasidField: UInt64 { 0x1F_FFFF }
  }

  @usableFromInline var entries: SetAssociativeCache<Entry>
  // Bit n: entries of 2^n bytes may be there.
  @usableFromInline var sizes: UInt64 = 0
  @usableFromInline var hasGlobalEntries = false
  @usableFromInline let largestSizeLog2: UInt8
  @usableFromInline var tally = CacheCounters()

  /// An empty cache.
  ///
  /// - Parameters:
  ///   - geometry: Its shape; a shape with a problem is no cache at all.
  ///   - largestSizeLog2: The largest page that an entry holds; of a larger one the piece around the address that was asked for is kept.
  public init(_ geometry: CacheGeometry, largestSizeLog2: UInt8 = 63) {
    entries = SetAssociativeCache(geometry)
    self.largestSizeLog2 = min(max(largestSizeLog2, PageSizeLog2.size4K), 63)
  }

  // The page size keeps entries of different sizes apart.
  @inlinable static func context(_ space: Space, _ sizeLog2: UInt8) -> UInt64 { space.key | UInt64(sizeLog2) &<< 24 }

  /// The translation of an address that allows what is needed; `nil` if there is none.
  @inlinable @inline(__always) public mutating func lookup(
    _ address: IOVirtualAddress, in space: Space, for needs: Permissions
  ) -> Entry? {
    tally.lookups &+= 1
    if let entry = find(address, in: space, for: needs) {
      tally.hits &+= 1
      return entry
    }
    if hasGlobalEntries, space.key & Space.pasidField != 0, let entry = find(address, in: space.global, for: needs) {
      tally.hits &+= 1
      return entry
    }
    tally.misses &+= 1
    return nil
  }

  @inlinable @inline(__always) mutating func find(
    _ address: IOVirtualAddress, in space: Space, for needs: Permissions
  ) -> Entry? {
    var remaining = sizes
    while remaining != 0 {
      let sizeLog2 = UInt8(truncatingIfNeeded: remaining.trailingZeroBitCount)
      remaining &= remaining &- 1
      guard let slot = entries.lookup(tag: address.pageNumber(sizeLog2), context: Self.context(space, sizeLog2)) else { continue }
      let entry = entries[slot]
      if entry.permissions.isSuperset(of: needs) { return entry }
    }
    return nil
  }

  /// Enters a completion of a request for `address`, if it allows anything; what was known of the page before is forgotten.
  public mutating func insert(_ completion: TranslationCompletion, for address: IOVirtualAddress, in space: Space) {
    forget(address, in: space)
    guard !completion.permissions.isEmpty, !completion.untranslatedOnly, entries.isPresent else { return }
    let sizeLog2 = min(completion.sizeLog2, largestSizeLog2)
    let offset = completion.sizeLog2 < 64 ? address.pageOffset(completion.sizeLog2) : address.rawValue
    let page = completion.address.advanced(by: offset).alignedDown(sizeLog2)
    // Without PASID there is nothing to share.
    let isGlobal = completion.global && space.key & Space.pasidField != 0
    let owner = isGlobal ? space.global : space
    hasGlobalEntries = hasGlobalEntries || isGlobal
    sizes |= 1 << UInt64(sizeLog2)
    entries.insert(
      tag: address.pageNumber(sizeLog2), context: Self.context(owner, sizeLog2),
      value: Entry(page: page, permissions: completion.permissions, sizeLog2: sizeLog2, noSnoop: completion.noSnoop))
    tally.fills += 1
    tally.evictions = entries.evictions
  }

  // A page may have changed its size: no entry of another size may be found in the place of the new one.
  private mutating func forget(_ address: IOVirtualAddress, in space: Space) {
    var remaining = sizes
    while remaining != 0 {
      let sizeLog2 = UInt8(truncatingIfNeeded: remaining.trailingZeroBitCount)
      remaining &= remaining - 1
      let tag = address.pageNumber(sizeLog2)
      let context = Self.context(space, sizeLog2)
      entries.removeAll(tags: tag...tag) { _, owner, _ in owner == context }
    }
  }

  /// Removes what an invalidation request covers: translations of its PASID, of requests without one, or of every PASID.
  public mutating func remove(_ request: DeviceTLBInvalidation) {
    let pasid = request.pasid.map { UInt64($0.rawValue) + 1 } ?? 0
    let isForEveryPASID = request.global && request.pasid != nil
    let first = request.address.rawValue
    let last = first | .mask(width: Int(request.sizeLog2))
    var removed = 0
    var remaining = sizes
    while remaining != 0 {
      let sizeLog2 = UInt8(truncatingIfNeeded: remaining.trailingZeroBitCount)
      remaining &= remaining - 1
      removed += entries.removeAll(tags: first >> UInt64(sizeLog2)...last >> UInt64(sizeLog2)) { _, context, _ in
        guard context >> 24 == UInt64(sizeLog2) else { return false }
        let owner = context & Space.pasidField
        // A translation that PASIDs share is a translation of each of them.
        return owner == pasid || pasid != 0 && (owner == Space.pasidField || isForEveryPASID && owner != 0)
      }
    }
    tally.invalidations += UInt64(removed)
    if entries.count == 0 { forgetSizes() }
  }

  /// Removes everything.
  public mutating func removeAll() {
    tally.invalidations += UInt64(entries.count)
    entries.removeAll()
    forgetSizes()
  }

  private mutating func forgetSizes() {
    sizes = 0
    hasGlobalEntries = false
  }

  /// The number of translations that are cached.
  public var count: Int { entries.count }

  /// What happened here.
  public var counters: CacheCounters { tally }
}
