import Hardware
import VTdArchitecture

/// What a driver keeps for one requester that is attached somewhere.
struct Requester {
  /// Where the context entry lies.
  let contextEntry: PhysicalAddress
  /// Where its requests go: by PASID, and under 0 those without one.
  var routes: [UInt32: Domain] = [:]
  /// The PASID directory of scalable mode.
  var directory = PhysicalAddress(0)
  /// PDTS: the directory has 2^(`directorySize` + 7) entries.
  var directorySize: UInt8 = 0
  /// The PASID tables that the directory points to.
  var pasidTables: [PhysicalAddress] = []

  init(contextEntry: PhysicalAddress) { self.contextEntry = contextEntry }
}

extension Requester {
  /// RID_PASID: requests without PASID use the entry of PASID 0, as Linux has it; units without ECAP.RPS know no other.
  static let ridPASID = PASID(0)

  /// The PDTS of a directory that fills one page: PASIDs below 2^15.
  static let smallestDirectory: UInt8 = 2

  /// The smallest PDTS whose directory holds a PASID.
  static func directorySize(for pasid: PASID) -> UInt8 {
    max(smallestDirectory, UInt8(max(0, 32 - pasid.rawValue.leadingZeroBitCount - 13)))
  }

  /// The base-2 logarithm of a directory's size in bytes.
  static func directorySizeLog2(_ size: UInt8) -> UInt8 { size + 7 + 3 }
}
