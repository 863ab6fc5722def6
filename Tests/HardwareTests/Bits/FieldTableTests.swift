import Testing

@testable import Hardware

@Suite struct FieldTableTests {
  static let layout = StructureDeclaration(
    "entry", width: 128,
    fields: [
      RegisterField("P", 0, "present"), RegisterField("MODE", 2...3, "mode", values: [1: "one"]),
      RegisterField("ACROSS", 60...67, "in both words"), RegisterField("NEW", 70, "only with X", if: .set(FieldReference("X", 0))),
    ])

  @Test("Fields are taken from their bits, across words as well")
  func values() {
    let decoded = Self.layout.decode([0xA000_0000_0000_0005, 0x5])
    #expect(decoded["P"] == 1)
    #expect(decoded["MODE"] == 1)
    #expect(decoded["ACROSS"] == 0x5A)
    #expect(decoded.reservedBits.isEmpty)
    #expect(decoded.fields[1].description == "MODE = 0x1 (one)")
    #expect(decoded["NONE"] == nil)
  }

  @Test("Bits in no field are reported as reserved, missing words count as 0")
  func reserved() {
    #expect(Self.layout.decode([0x12, 0x100]).reservedBits == [1, 4, 72])
    #expect(Self.layout.decode([]).fields.allSatisfy { $0.value == 0 })
  }

  @Test("A field that an implementation lacks is reserved there")
  func conditional() {
    #expect(Self.layout.decode([0, 0x40]).reservedBits.isEmpty)
    #expect(Self.layout.decode([0, 0x40], identity: RegisterIdentity(["X": 0])).reservedBits == [70])
    #expect(Self.layout.decode([0, 0x40], identity: RegisterIdentity(["X": 1]))["NEW"] == 1)
  }

  @Test("The reserved mask is what no field covers")
  func mask() {
    #expect(Self.layout.reservedMask(word: 0, for: RegisterIdentity([:])) == 0x0FFF_FFFF_FFFF_FFF2)
    #expect(Self.layout.reservedMask(word: 1, for: RegisterIdentity(["X": 1])) == ~0x4F)
  }
}
