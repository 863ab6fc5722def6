import Glibc

/// The storage behind a machine's physical memory.
///
/// Flat regions are reserved address space that costs nothing until it is touched; single frames can be added anywhere below 2^52, for images
/// of real machines; everything else is a hole whose accesses abort.
public final class PhysicalMemory {
  /// The most address space that the flat regions of one memory may reserve, in bytes: 32 GiB, because limits on address space (`ulimit -v`)
  /// and checking tools refuse more.
  public static let maximumReservation: UInt64 = 32 << 30

  /// What hardware and software of the machine use to reach this memory; it must not outlive this object.
  public let view: MemoryView

  private let map: UnsafeMutablePointer<MemoryMap>
  private var watchedMaps: [UnsafeMutablePointer<MemoryMap>] = []
  private let reservations: [(base: UnsafeMutableRawPointer, length: Int)]

  /// A memory with the given flat regions, all zero.
  ///
  /// - Parameters:
  ///   - regions: Regions of whole 4 KiB frames below 2^52 that do not overlap; the first is the fastest to reach.
  ///   - isDense: The regions will be used from their starts on without large gaps, so that the host may back them with large pages of its own.
  /// - Throws: `MemoryError` if a region is misaligned, overlaps another, or cannot be reserved.
  public init(regions: [MemoryRegion] = [], isDense: Bool = false) throws(MemoryError) {
    try MemoryRegion.validate(regions)
    var reserved: [(base: UnsafeMutableRawPointer, length: Int)] = []
    var contents = MemoryMap()
    for region in regions where region.length > 0 {
      // Large host pages need their own alignment.
      let slack = isDense ? Self.largeHostPage : 0
      let length = Int(region.length) + slack
      guard
        let mapping = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), mapping != MAP_FAILED
      else {
        for reservation in reserved { munmap(reservation.base, reservation.length) }
        contents.deallocateFrames()
        throw .cannotReserve(bytes: region.length, systemError: errno)
      }
      reserved.append((mapping, length))
      let base = isDense ? mapping.alignedUp(toMultipleOf: Self.largeHostPage) : mapping
      // Advice only: a host that has none serves as well, a little slower.
      if isDense { madvise(base, Int(region.length), MADV_HUGEPAGE) }
      contents.regions.append(.init(start: region.start.rawValue, length: region.length, base: base))
    }
    reservations = reserved
    map = .allocate(capacity: 1)
    map.initialize(to: contents)
    if let first = contents.regions.first {
      view = MemoryView(flatBase: first.base, flatStart: first.start, flatLength: first.length, map: map)
    } else {
      view = MemoryView(flatBase: UnsafeMutableRawPointer(map), flatStart: 0, flatLength: 0, map: map)
    }
  }

  private static let largeHostPage = 1 << 21

  deinit {
    for watched in watchedMaps {
      watched.deinitialize(count: 1)
      watched.deallocate()
    }
    map.pointee.deallocateFrames()
    map.deinitialize(count: 1)
    map.deallocate()
    for reservation in reservations { munmap(reservation.base, reservation.length) }
  }

  // What a watched view needs: the same regions, and the same tree of single frames.
  var watchableMap: MemoryMap { map.pointee }
  func keep(_ watched: UnsafeMutablePointer<MemoryMap>) { watchedMaps.append(watched) }

  /// Backs the 4 KiB frame that holds `address` with zeros; no effect if it is backed already or lies at or above 2^52.
  ///
  /// - Parameter hasAtomics: Words of the frame can be exchanged atomically. Memory behind some links and devices has no such operations:
  ///   it can be read and written, and aborts atomic updates.
  public func addFrame(_ address: PhysicalAddress, hasAtomics: Bool = true) {
    guard address.rawValue >> 52 == 0, map.pointee.location(address.alignedDown(PageSizeLog2.size4K), count: 8) == nil else { return }
    map.pointee.addFrame(address)
    if !hasAtomics { map.pointee.framesWithoutAtomics.insert(address.pageNumber(PageSizeLog2.size4K)) }
  }

  /// Turns the 4 KiB frame that holds `address` into a hole; no effect on flat regions.
  public func removeFrame(_ address: PhysicalAddress) { map.pointee.removeFrame(address) }
}

/// A range of physical addresses.
public struct MemoryRegion: Hashable, Sendable {
  /// The first address.
  public var start: PhysicalAddress
  /// The length in bytes.
  public var length: UInt64

  /// The range of `length` bytes from `start` on.
  public init(start: PhysicalAddress, length: UInt64) {
    self.start = start
    self.length = length
  }

  static func validate(_ regions: [MemoryRegion]) throws(MemoryError) {
    var total: UInt64 = 0
    for region in regions {
      guard region.start.isAligned(PageSizeLog2.size4K), region.length & 4095 == 0, region.start.rawValue <= 1 << 52,
        region.length <= (1 << 52) - region.start.rawValue
      else { throw .misplaced(region) }
      total += region.length
    }
    guard total <= PhysicalMemory.maximumReservation else { throw .tooLarge(bytes: total) }
    let ordered = regions.sorted { $0.start < $1.start }
    for (lower, upper) in zip(ordered, ordered.dropFirst()) where upper.start.distance(from: lower.start) < lower.length {
      throw .overlapping(lower, upper)
    }
  }
}

/// Why a memory cannot be made.
public enum MemoryError: Error, Equatable, CustomStringConvertible {
  /// A region is not made of whole 4 KiB frames below 2^52.
  case misplaced(MemoryRegion)
  /// Two regions share addresses.
  case overlapping(MemoryRegion, MemoryRegion)
  /// The regions together exceed `PhysicalMemory.maximumReservation`.
  case tooLarge(bytes: UInt64)
  /// The operating system refused the address space; `systemError` is its errno.
  case cannotReserve(bytes: UInt64, systemError: Int32)

  /// The error in one line.
  public var description: String {
    switch self {
    case .misplaced(let region):
      "memory region at \(region.start) of \(region.length) bytes: expected whole 4 KiB frames below 2^52"
    case .overlapping(let lower, let upper): "memory regions at \(lower.start) and \(upper.start) overlap"
    case .tooLarge(let bytes): "memory regions of \(bytes) bytes in all: expected at most \(PhysicalMemory.maximumReservation)"
    case .cannotReserve(let bytes, let code):
      "cannot reserve \(bytes) bytes of address space: \(String(cString: strerror(code))) (is `ulimit -v` set?)"
    }
  }
}
