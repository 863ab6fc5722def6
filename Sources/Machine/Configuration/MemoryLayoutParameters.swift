import Hardware

/// Where things are in the machine's memory.
public struct MemoryLayoutParameters: Hashable, Sendable {
  /// The memory set apart for translation tables, in MiB; only what is used is allocated.
  public var tablesMiB: UInt32 = 4096

  /// 4 GiB for tables.
  public init() {}

  static let parameters: [Parameter<Self>] = [
    Parameter(
      "tables_mib", "memory set apart for translation tables, in MiB; only what is used is allocated", \Self.tablesMiB, .integer(16...16384)
    )
  ]
}
