/// What a trace record says happened. The raw values are part of the container format.
@frozen public enum TraceOperation: UInt8, Sendable, CaseIterable {
  /// A device reads memory.
  case read = 0
  /// A device writes memory.
  case write = 1
  /// An AtomicOp of a device.
  case atomic = 2
  /// A read of an address that the device has translated beforehand (ATS).
  case translatedRead = 3
  /// A write of an address that the device has translated beforehand (ATS).
  case translatedWrite = 4
  /// A device asks for a translation (ATS).
  case translationRequest = 5
  /// A device asks software to make a page present (PRI).
  case pageRequest = 6
  /// A device sends a message-signalled interrupt.
  case interrupt = 7
  /// Software maps a range; what was there is replaced.
  case map = 8
  /// Software unmaps a range.
  case unmap = 9
  /// A unit's caches are invalidated.
  case invalidate = 10
  /// A requester, or one of its PASIDs, is given an address space; an earlier attachment of it ends.
  case attach = 11
  /// A requester, or one of its PASIDs, loses its address space.
  case detach = 12
  /// A remark without effect on the machine.
  case marker = 13

  /// Whether this is an access of a device to memory.
  @inlinable public var isAccess: Bool { rawValue <= 4 }

  /// Whether a device asks something of an IOMMU: an access to memory, a translation, a page.
  @inlinable public var isDeviceRequest: Bool { rawValue <= 6 }

  /// The name used in text, CSV and JSON.
  public var name: StaticString {
    switch self {
    case .read: "read"
    case .write: "write"
    case .atomic: "atomic"
    case .translatedRead: "translated-read"
    case .translatedWrite: "translated-write"
    case .translationRequest: "translation-request"
    case .pageRequest: "page-request"
    case .interrupt: "interrupt"
    case .map: "map"
    case .unmap: "unmap"
    case .invalidate: "invalidate"
    case .attach: "attach"
    case .detach: "detach"
    case .marker: "marker"
    }
  }
}
