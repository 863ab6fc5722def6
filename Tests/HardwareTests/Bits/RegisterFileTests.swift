import Testing

@testable import Hardware

@Suite struct RegisterFileTests {
  static let declarations = [
    RegisterDeclaration(
      "ID", at: 0x00, width: 64, "identification", fields: [RegisterField("BASE", 0...7, .readOnly, "where ROW lies / 16")]),
    RegisterDeclaration(
      "CTL", at: 0x08, width: 32, reset: 0x8000_0000, "control",
      fields: [
        RegisterField("VALUE", 0...7, .readWrite, "a number"),
        RegisterField("EXTRA", 8...9, .readWrite, "only with ID bit 8", if: .set(FieldReference("ID", 8))),
        RegisterField("COMMAND", 16, .writeOnly, "a command"),
        RegisterField("BUSY", 30, .readOnly, "busy"),
        RegisterField("MASK", 31, .readWrite, "mask"),
      ]),
    RegisterDeclaration(
      "STS", at: 0x0C, width: 32, reset: 0x3, "status",
      fields: [RegisterField("A", 0, .writeOneToClear, "a"), RegisterField("B", 1, .writeOneToClear, "b")]),
    RegisterDeclaration(
      "ROW", at: .field(FieldReference("ID", 0...7), times: 16), width: 128, count: .field(FieldReference("ID", 16...19), plus: 1),
      stride: 16, "a row",
      fields: [
        RegisterField("LOW", 0...63, .readOnly, "low word"), RegisterField("DONE", 127, .writeOneToClear, "done"),
      ]),
    RegisterDeclaration(
      "OPTION", at: 0x10, width: 64, if: .set(FieldReference("ID", 9)), "exists with ID bit 9",
      fields: [RegisterField("VALUE", 0...63, .readWrite, "a number")]),
  ]

  static func file(_ id: UInt64 = 0x1_0004, size: UInt64 = 0x100) throws(RegisterFileError) -> RegisterFile {
    try RegisterFile(declarations, identity: RegisterIdentity(["ID": id]), size: size)
  }

  @Test("A register reads its reset value, an identification register its identity")
  func reset() throws {
    let file = try Self.file()
    #expect(file.read(offset: 0x08, size: 4) == 0x8000_0000)
    #expect(file.read(offset: 0x00, size: 8) == 0x1_0004)
  }

  @Test(
    "A write changes only what the access of a field allows",
    arguments: [
      // offset, written, then read, then held by hardware
      (0x08, 0xFFFF_FFFF, 0x8000_00FF, 0x8001_00FF), (0x08, 0x0000_0000, 0, 0), (0x0C, 0x0000_0001, 0x2, 0x2),
      (0x0C, 0x0000_0000, 0x3, 0x3), (0x00, 0xFFFF_FFFF, 0x1_0004, 0x1_0004), (0x20, 0xFFFF_FFFF, 0, 0),
    ] as [(UInt64, UInt64, UInt64, UInt32)])
  func access(offset: UInt64, written: UInt64, read: UInt64, held: UInt32) throws {
    var file = try Self.file()
    file.write(offset: offset, size: 4, value: written)
    #expect(file.read(offset: offset, size: 4) == read)
    #expect(file[dword: offset] == held)
  }

  @Test("A field whose capability is missing is reserved, and exists with it")
  func conditionalField() throws {
    var without = try Self.file()
    without.write(offset: 0x08, size: 4, value: 0x300)
    #expect(without.read(offset: 0x08, size: 4) == 0)
    var with = try Self.file(0x1_0104)
    with.write(offset: 0x08, size: 4, value: 0x300)
    #expect(with.read(offset: 0x08, size: 4) == 0x300)
  }

  @Test("A register whose capability is missing reads 0 and ignores writes", arguments: [false, true])
  func conditionalRegister(present: Bool) throws {
    var file = try Self.file(present ? 0x1_0204 : 0x1_0004)
    file.write(offset: 0x10, size: 8, value: .max)
    #expect(file.read(offset: 0x10, size: 8) == (present ? .max : 0))
    #expect(file.isImplemented(0x10) == present)
  }

  @Test("A row lies where the identity says, has as many registers, and each is cleared alone")
  func row() throws {
    var file = try Self.file()
    for offset: UInt64 in [0x40, 0x50] {
      file[qword: offset] = 0x1234
      file[qword: offset + 8] = 1 << 63
    }
    file.write(offset: 0x4C, size: 4, value: 1 << 31)
    #expect(file.read(offset: 0x48, size: 8) == 0)
    #expect(file.read(offset: 0x58, size: 8) == 1 << 63)
    #expect(file.read(offset: 0x50, size: 8) == 0x1234)
    #expect(file.isImplemented(0x60) == false)
  }

  @Test("Accesses of other sizes, misaligned or outside read 0 and change nothing")
  func ignored() throws {
    var file = try Self.file(0x1_0204)
    for (offset, size) in [(0x08, 1), (0x08, 2), (0x0A, 4), (0x14, 8), (0x100, 4), (UInt64.max - 3, 4), (0x09, 8)] as [(UInt64, Int)] {
      file.write(offset: offset, size: size, value: 0)
      #expect(file.read(offset: offset, size: size) == 0)
    }
    #expect(file.read(offset: 0x08, size: 4) == 0x8000_0000)
  }

  @Test("Registers that overlap, end outside or are misaligned are refused")
  func refused() {
    func make(_ offset: UInt64, width: Int, size: UInt64) -> RegisterFileError? {
      let fields = [RegisterField("X", 0, .readWrite, "x")]
      do {
        _ = try RegisterFile(
          [
            RegisterDeclaration("A", at: 0x10, width: 64, "a", fields: fields),
            RegisterDeclaration("B", at: .constant(offset), width: width, "b", fields: fields),
          ], identity: RegisterIdentity([:]), size: size)
        return nil
      } catch { return error }
    }
    #expect(make(0x14, width: 32, size: 0x100) == .overlap("B", "A", offset: 0x14))
    #expect(make(0x1C, width: 64, size: 0x100) == .misaligned("B", offset: 0x1C))
    #expect(make(0x18, width: 128, size: 0x20) == .outside("B", offset: 0x18, size: 0x20))
    #expect(make(0x18, width: 32, size: 0x1E) == .size(0x1E))
    #expect(make(0x18, width: 32, size: 0x20) == nil)
  }
}
