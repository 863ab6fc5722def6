/// Where the registers with a fixed offset lie, in bytes from the register base (VT-d rev 5.10 section 11.4).
public enum RegisterOffset {
  /// VER, architecture version.
  @inlinable public static var version: UInt64 { 0x000 }
  /// CAP, capabilities.
  @inlinable public static var capabilities: UInt64 { 0x008 }
  /// ECAP, extended capabilities.
  @inlinable public static var extendedCapabilities: UInt64 { 0x010 }
  /// GCMD, global command.
  @inlinable public static var globalCommand: UInt64 { 0x018 }
  /// GSTS, global status.
  @inlinable public static var globalStatus: UInt64 { 0x01C }
  /// RTADDR, root table address.
  @inlinable public static var rootTableAddress: UInt64 { 0x020 }
  /// CCMD, context command.
  @inlinable public static var contextCommand: UInt64 { 0x028 }
  /// FSTS, fault status.
  @inlinable public static var faultStatus: UInt64 { 0x034 }
  /// FECTL, fault event control; data, address and upper address follow.
  @inlinable public static var faultEventControl: UInt64 { 0x038 }
  /// PMEN, protected memory enable.
  @inlinable public static var protectedMemoryEnable: UInt64 { 0x064 }
  /// PLMBASE, protected low memory base; PLMLIMIT follows.
  @inlinable public static var protectedLowMemoryBase: UInt64 { 0x068 }
  /// PLMLIMIT, protected low memory limit.
  @inlinable public static var protectedLowMemoryLimit: UInt64 { 0x06C }
  /// PHMBASE, protected high memory base.
  @inlinable public static var protectedHighMemoryBase: UInt64 { 0x070 }
  /// PHMLIMIT, protected high memory limit.
  @inlinable public static var protectedHighMemoryLimit: UInt64 { 0x078 }
  /// IQH, invalidation queue head.
  @inlinable public static var invalidationQueueHead: UInt64 { 0x080 }
  /// IQT, invalidation queue tail.
  @inlinable public static var invalidationQueueTail: UInt64 { 0x088 }
  /// IQA, invalidation queue address.
  @inlinable public static var invalidationQueueAddress: UInt64 { 0x090 }
  /// ICS, invalidation completion status.
  @inlinable public static var invalidationCompletionStatus: UInt64 { 0x09C }
  /// IECTL, invalidation event control; data, address and upper address follow.
  @inlinable public static var invalidationEventControl: UInt64 { 0x0A0 }
  /// IQERCD, invalidation queue error record.
  @inlinable public static var invalidationQueueErrorRecord: UInt64 { 0x0B0 }
  /// IRTA, interrupt remapping table address.
  @inlinable public static var interruptRemappingTableAddress: UInt64 { 0x0B8 }
  /// PQH, page request queue head.
  @inlinable public static var pageRequestQueueHead: UInt64 { 0x0C0 }
  /// PQT, page request queue tail.
  @inlinable public static var pageRequestQueueTail: UInt64 { 0x0C8 }
  /// PQA, page request queue address.
  @inlinable public static var pageRequestQueueAddress: UInt64 { 0x0D0 }
  /// PRS, page request status.
  @inlinable public static var pageRequestStatus: UInt64 { 0x0DC }
  /// PECTL, page request event control; data, address and upper address follow.
  @inlinable public static var pageRequestEventControl: UInt64 { 0x0E0 }
  /// PERFCAP, performance monitoring capabilities.
  @inlinable public static var performanceCapabilities: UInt64 { 0x300 }
  /// PERFINTRSTS, performance monitoring interrupt status.
  @inlinable public static var performanceInterruptStatus: UInt64 { 0x324 }
  /// PERFINTRCTL, performance monitoring interrupt control; data, address and upper address follow.
  @inlinable public static var performanceInterruptControl: UInt64 { 0x328 }
  /// ECMD, enhanced command.
  @inlinable public static var enhancedCommand: UInt64 { 0x400 }
  /// ECEO, operand B of an enhanced command.
  @inlinable public static var enhancedCommandOperand: UInt64 { 0x408 }
  /// ECRSP, enhanced command response.
  @inlinable public static var enhancedCommandResponse: UInt64 { 0x410 }
  /// VCMD, virtual command.
  @inlinable public static var virtualCommand: UInt64 { 0xE00 }
  /// VCRSP, virtual command response.
  @inlinable public static var virtualCommandResponse: UInt64 { 0xE10 }

  /// From an event's control register to its message data, address and upper address.
  @inlinable public static var eventDataDistance: UInt64 { 4 }
  /// From an event's control register to its message address.
  @inlinable public static var eventAddressDistance: UInt64 { 8 }
  /// From an event's control register to its upper message address.
  @inlinable public static var eventUpperAddressDistance: UInt64 { 12 }
}
