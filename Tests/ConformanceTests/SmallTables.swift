import Foundation

@testable import Conformance

/// Page-table cases as their files spell them, for a test to vary.
enum SmallTables {
  /// One page, 0x5000 to 0x20_0000, behind scalable-mode structures at the places of `SmallCase`.
  ///
  /// - Parameters:
  ///   - context: The first word of the context entry.
  ///   - entry: The first word of the PASID entry.
  ///   - snoops: Whether the PASID entry has PWSNP.
  ///   - queries: Queries, as JSON.
  static func scalable(context: UInt64 = 0x3001, entry: UInt64 = 0x1_0089, snoops: Bool = true, queries: String) -> String {
    let mode = snoops ? "0x800009" : "0x9"
    let structures = "[[0,1,\"0x2001\",\"0x0\"]]"
    let words = [
      ("0x1000", structures), ("0x2000", "[[128,1,\"\(hex(context))\",\"0x0\"]]"), ("0x3000", "[[0,1,\"0x4001\",\"0x0\"]]"),
      ("0x4000", "[[0,1,\"\(hex(entry))\",\"0x0\"],[1,1,\"\(mode)\",\"0x0\"]]"), ("0x10000", "[[0,1,\"0x11003\",\"0x0\"]]"),
      ("0x11000", "[[0,1,\"0x12003\",\"0x0\"]]"), ("0x12000", "[[0,1,\"0x13003\",\"0x0\"]]"),
      ("0x13000", "[[5,2,\"0x200003\",\"0x1000\"]]"),
    ]
    let memory = words.map { "[\"\($0.0)\",4096,\($0.1)]" }.joined(separator: ",")
    return """
      {"id":"small","kind":"vtd_ss","hpa_bits":39,"regs":{"rtaddr":"0x1400","cap":"0x1100000c00380e06","ecap":"0x1e99ca4000087"},\
      "sid":"0x20","pasid":0,"mem":[\(memory)],"q":[\(queries)]}
      """
  }

  /// The same page and a second one after it, found.
  static let hits = """
    {"a":"0x5abc","r":"hit","pa":"0x200abc","sz":"0x1000","lv":1,"p":"rw","d":0,"snp":0},\
    {"a":"0x6000","r":"hit","pa":"0x201000","sz":"0x1000","lv":1,"p":"rw","d":0,"snp":0}
    """

  /// The table alone.
  static func bare(queries: String) -> String {
    """
    {"id":"small","kind":"vtd_table","hpa_bits":39,"table":{"stage":"ss","levels":3,"root":"0x10000"},\
    "mem":[["0x10000",4096,[[0,1,"0x11003","0x0"]]],["0x11000",4096,[[0,1,"0x12003","0x0"]]],\
    ["0x12000",4096,[[5,1,"0x200003","0x0"]]]],"q":[\(queries)]}
    """
  }

  private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  static func parse(_ text: String) throws -> ConformanceCase {
    let members = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    return try ConformanceCase(CaseObject(members: members, place: ""))
  }

  static func run(_ text: String, on factory: any CaseMachineFactory = IOMMUModels()) throws -> CaseResult {
    try Runner(factory) { _ in }.run(parse(text))
  }
}
