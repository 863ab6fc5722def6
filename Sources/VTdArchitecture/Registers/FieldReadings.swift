import Hardware

extension Registers {
  /// How fields are read by people, by name; `TABLE.FIELD` where a name means something else elsewhere.
  ///
  /// It serves registers, structures in memory, descriptors and records alike.
  public static let fieldReadings: [String: FieldReading] = addresses.merging(identifiers) { first, _ in first }
    .merging(sizes) { first, _ in first }

  /// How a field of a register or structure is read, if not as a number.
  public static func reading(of field: String, in table: String) -> FieldReading? {
    fieldReadings["\(table).\(field)"] ?? fieldReadings[field]
  }

  private static let addresses: [String: FieldReading] = Dictionary(
    uniqueKeysWithValues: [
      "CTP", "LCTP", "UCTP", "SSPTPTR", "FSPTPTR", "PASIDDIRPTR", "SMPTBLPTR", "HPTPTR", "ADDR", "STADDR", "FI", "RTA", "IRTA", "IQA",
      "PQA",
      "FLA", "MA", "QH", "QT", "PQH", "PQT", "BASE",
    ].map { ($0, .address) })

  private static let identifiers: [String: FieldReading] = [
    "SID": .requester, "RID": .requester, "ITESID": .requester, "ICESID": .requester,
    "FR": .codes(Dictionary(FaultReason.table.map { (UInt64($0.reason.rawValue), $0.reason.meaning ?? "") }) { first, _ in first }),
  ]

  private static let sizes: [String: FieldReading] = [
    "ND": .powerOfTwo(factor: 2, plus: 4, "domain ids"), "MGAW": .plus(1, "bits"), "NFR": .plus(1, "registers"),
    "MAMV": .powerOfTwo("pages"), "PSS": .plus(1, "bits"), "MHMV": .powerOfTwo("entries"), "AM": .powerOfTwo("pages"),
    "PDTS": .powerOfTwo(plus: 7, "directory entries"), "QS": .powerOfTwo("pages"), "PQS": .powerOfTwo("pages"),
    "FLS": .powerOfTwo("pages"), "IRTA.S": .powerOfTwo(plus: 1, "entries"), "interrupt entry cache invalidate.IM": .powerOfTwo("entries"),
    "FRO": .offset(16), "IRO": .offset(16), "STRIDE": .powerOfTwo(plus: 10, "bytes"),
    "SAGAW": .set([1: "39 bits", 2: "48 bits", 3: "57 bits"]), "SSLPS": .set([0: "2 MiB", 1: "1 GiB"]),
    "FILTERS": .set([0: "requester", 1: "domain", 2: "PASID", 3: "ATS", 4: "page-table level"]),
    "PASID table entry.PAT": .row(width: 4, memoryTypeNames),
  ]

  /// Memory types, as page attributes and second-stage leaves give them (VT-d rev 5.10 sections 9.6 and 9.8).
  public static let memoryTypeNames: KeyValuePairs<UInt64, String> = [0: "UC", 1: "WC", 4: "WT", 5: "WP", 6: "WB", 7: "UC-"]
}
