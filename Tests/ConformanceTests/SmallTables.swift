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

  /// The two pages of `scalable` behind a first stage of four levels, flags set as drivers do.
  static func firstStage(snoops: Bool = true, leaf: UInt64 = 0x20_0067, queries: String) -> String {
    let mode = snoops ? "0x800009" : "0x9"
    return scalable(entry: 0x49, snoops: snoops, queries: queries)
      .replacingOccurrences(of: "\"vtd_ss\"", with: "\"vtd_fs\"")
      .replacingOccurrences(of: "\"\(mode)\",\"0x0\"]]", with: "\"\(mode)\",\"0x0\"],[2,1,\"0x10000\",\"0x0\"]]")
      .replacingOccurrences(of: "0x11003", with: "0x11027").replacingOccurrences(of: "0x12003", with: "0x12027")
      .replacingOccurrences(of: "0x13003", with: "0x13027").replacingOccurrences(of: "0x200003", with: hex(leaf))
  }

  static let firstStageHits = """
    {"a":"0x5abc","r":"hit","pa":"0x200abc","sz":"0x1000","lv":1,"p":"rw","us":1,"ac":1,"d":1},\
    {"a":"0x6000","r":"hit","pa":"0x201000","sz":"0x1000","lv":1,"p":"rw","us":1,"ac":1,"d":1}
    """

  /// The two pages of `scalable` as guest physical ones, and guest tables at 0x8000 to 0xB000 that lead to the first of them from 0x7000 on.
  static func nested(leaf: UInt64 = 0x5067, queries: String) -> String {
    let tables: [(String, Int, UInt64)] = [("0x20000", 0, 0x9027), ("0x21000", 0, 0xA027), ("0x22000", 0, 0xB027), ("0x23000", 7, leaf)]
    let guest = tables.map { "[\"\($0.0)\",4096,[[\($0.1),1,\"\(hex($0.2))\",\"0x0\"]]]," }.joined()
    return scalable(entry: 0x1_00C9, queries: queries)
      .replacingOccurrences(of: "\"vtd_ss\"", with: "\"vtd_sm\"").replacingOccurrences(of: "\"q\":", with: "\"devices\":[],\"q\":")
      .replacingOccurrences(of: "\"0x800009\",\"0x0\"]]", with: "\"0x800009\",\"0x0\"],[2,1,\"0x8000\",\"0x0\"]]")
      .replacingOccurrences(of: "[5,2,\"0x200003\",\"0x1000\"]", with: "[5,2,\"0x200003\",\"0x1000\"],[8,4,\"0x20003\",\"0x1000\"]")
      .replacingOccurrences(of: "\"mem\":[", with: "\"mem\":[" + guest)
  }

  static let nestedHit = """
    {"a":"0x7abc","r":"hit","gpa":"0x5abc","pa":"0x200abc","st1":{"sz":"0x1000","lv":1,"p":"rw","us":1,"ac":1,"d":1},\
    "st2":{"sz":"0x1000","lv":1,"p":"rw","d":0,"snp":0}}
    """

  private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  static func parse(_ text: String) throws -> ConformanceCase {
    let members = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    return try ConformanceCase(CaseObject(members: members, place: ""))
  }

  static func run(_ text: String, on factory: any CaseMachineFactory = IOMMUModels()) throws -> CaseResult {
    try Runner(factory) { _ in }.run(parse(text))
  }
}
