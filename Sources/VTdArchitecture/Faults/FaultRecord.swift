import Hardware

/// What a recorded request was: T1 and T2 of a fault record (VT-d rev 5.10 section 11.4.7.6).
@frozen public enum FaultRequestType: UInt8, Hashable, Sendable, CaseIterable {
  /// A write.
  case write = 0
  /// A page request.
  case pageRequest = 1
  /// A read.
  case read = 2
  /// An AtomicOp.
  case atomic = 3

  /// The type of a memory access.
  @inlinable public init(_ kind: AccessKind) {
    switch kind {
    case .read: self = .read
    case .write: self = .write
    case .atomic: self = .atomic
    }
  }
}

/// AT: what the address of a request is.
@frozen public enum AddressType: UInt8, Hashable, Sendable, CaseIterable {
  /// Untranslated.
  case untranslated = 0
  /// A translation request.
  case translationRequest = 1
  /// Translated.
  case translated = 2
}

/// A fault recording register FRCD, the F bit aside (VT-d rev 5.10 section 11.4.7.6).
@frozen public struct FaultRecord: Hashable, Sendable {
  /// FI: bits 63:12 of the faulting address; for an interrupt the index in bits 63:48. Bits 11:0 are 0.
  public var information: UInt64
  /// SID.
  public var source: RequesterID
  /// FR.
  public var reason: FaultReason
  /// T1 and T2.
  public var type: FaultRequestType
  /// AT.
  public var addressType: AddressType
  /// PP and PV: the PASID the request carried, if any; RID_PASID does not count.
  public var pasid: PASID?
  /// PRIV: the request asked for privileged mode; only with a PASID.
  public var privileged: Bool
  /// EXE: the request asked to execute; only with a PASID.
  public var execute: Bool

  /// A record of a blocked memory request at the given address.
  @inlinable public init(
    address: IOVirtualAddress, source: RequesterID, reason: FaultReason, type: FaultRequestType,
    addressType: AddressType = .untranslated, pasid: PASID? = nil, privileged: Bool = false, execute: Bool = false
  ) {
    information = address.alignedDown(PageSizeLog2.size4K).rawValue
    self.source = source
    self.reason = reason
    self.type = type
    self.addressType = addressType
    self.pasid = pasid
    self.privileged = privileged
    self.execute = execute
  }

  /// A record of a blocked interrupt request with the given index.
  @inlinable public init(interruptIndex: UInt16, source: RequesterID, reason: FaultReason) {
    self.init(address: IOVirtualAddress(UInt64(interruptIndex) << 48), source: source, reason: reason, type: .write)
  }

  /// The record in the two words of a register, first word first; bits that are reserved are dropped.
  @inlinable public init(low: UInt64, high: UInt64) {
    let hasPASID = high[bit: 31]
    self.init(
      address: IOVirtualAddress(low), source: RequesterID(UInt32(truncatingIfNeeded: high[bits: 0...15])),
      reason: FaultReason(UInt8(truncatingIfNeeded: high[bits: 32...39])),
      type: FaultRequestType(rawValue: (high[bit: 62] ? 2 : 0) + (high[bit: 28] ? 1 : 0)) ?? .write,
      addressType: AddressType(rawValue: UInt8(truncatingIfNeeded: high[bits: 60...61])) ?? .untranslated,
      pasid: hasPASID ? PASID(UInt32(truncatingIfNeeded: high[bits: 40...59])) : nil, privileged: hasPASID && high[bit: 29],
      execute: hasPASID && high[bit: 30])
  }

  /// The first word of the register.
  @inlinable public var low: UInt64 { information & ~0xFFF }
  /// The second word of the register, with F set.
  @inlinable public var high: UInt64 {
    var word: UInt64 = 1 << 63
    word[bits: 0...15] = UInt64(source.rawValue)
    word[bit: 28] = type.rawValue & 1 != 0
    word[bits: 32...39] = UInt64(reason.rawValue)
    word[bits: 60...61] = UInt64(addressType.rawValue)
    word[bit: 62] = type.rawValue & 2 != 0
    if let pasid {
      word[bit: 29] = privileged
      word[bit: 30] = execute
      word[bit: 31] = true
      word[bits: 40...59] = UInt64(pasid.rawValue)
    }
    return word
  }

  /// The index of a blocked interrupt.
  @inlinable public var interruptIndex: UInt16 { UInt16(truncatingIfNeeded: information >> 48) }
  /// The page of a blocked memory request.
  @inlinable public var address: IOVirtualAddress { IOVirtualAddress(information) }

  /// The layout.
  public static let layout = StructureDeclaration("fault record", width: 128, fields: Registers.faultRecordFields)
}
