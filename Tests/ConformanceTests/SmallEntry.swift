@testable import Conformance

/// A PASID entry for the first stage and the context entry that leads to it, as their file spells them, for a test to vary.
enum SmallEntry {
  static let text = """
    {"id":"small","kind":"pasid_vector","fields":{"P":1,"AW":2,"PGTT":1,"DID":7,"PWSNP":1,"FSPM":1,"FSPTPTR":"0x5000"},\
    "words":["0x49","0x800007","0x5004","0x0","0x0","0x0","0x0","0x0"],\
    "ctx":{"in":{"sid":"0x20"},"fields":{"P":1,"PASIDE":1,"PDTS":2,"PASIDDIRPTR":"0x3000","RID_PASID":5},\
    "words":["0x3409","0x5","0x0","0x0"],"root_entry_half":"0x2001","root_half":"lo"}}
    """

  static func run(_ text: String) throws -> CaseResult { try SmallTables.run(text) }
}
