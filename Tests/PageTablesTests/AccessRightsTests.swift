import Hardware
import PageTables
import Testing

@Suite struct AccessRightsTests {
  @Test("Permissions for both privileges read back for each", arguments: UInt8(0)...7)
  func both(bits: UInt8) {
    let permissions = Permissions(rawValue: bits)
    let rights = AccessRights(both: permissions)
    #expect(rights.permissions(privileged: true) == permissions)
    #expect(rights.permissions(privileged: false) == permissions)
  }

  @Test("A demand is met by rights of its own privilege only", arguments: [true, false], UInt8(1)...7)
  func demand(privileged: Bool, bits: UInt8) {
    let permissions = Permissions(rawValue: bits)
    let demand = AccessRights(demand: permissions, privileged: privileged)
    #expect(demand.permissions(privileged: privileged) == permissions)
    #expect(demand.permissions(privileged: !privileged) == [])
    #expect(AccessRights.all.isSuperset(of: demand))
    let other = AccessRights(demand: permissions, privileged: !privileged)
    #expect(!other.isSuperset(of: demand))
  }

  @Test("Rights are described by the letters of either privilege")
  func description() {
    #expect(AccessRights([.privilegedRead, .privilegedWrite, .unprivilegedRead]).description == "rw-/r--")
  }
}
