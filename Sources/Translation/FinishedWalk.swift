import Hardware
import PageTables

/// What a walk of whatever stages found.
@frozen @usableFromInline struct FinishedWalk: BitwiseCopyable {
  /// Why there is no translation; with status `translated` there is one.
  @usableFromInline var failure: WalkFailure
  /// The physical base of the page.
  @usableFromInline var page: PhysicalAddress
  /// The base-2 logarithm of the page's bytes.
  @usableFromInline var sizeLog2: UInt8
  /// What the leaves say for a cached copy.
  @usableFromInline var flags: IOTLBEntry.Flags
}
