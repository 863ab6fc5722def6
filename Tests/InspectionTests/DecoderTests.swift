import Hardware
import Testing
import VTdArchitecture

@testable import Inspection

@Suite("Decoder") struct DecoderTests {
  static let decoder = Decoder([VTdVocabulary()])

  static func decode(_ line: String) throws -> Decoding {
    let decodings = try decoder.decode(line.split(separator: " ").map(String.init))
    #expect(decodings.count == 1)
    return try #require(decodings.first)
  }

  static func message(_ line: String) -> String? {
    do throws(DecodeError) {
      _ = try decoder.decode(line.split(separator: " ").map(String.init))
      return nil
    } catch { return error.description }
  }

  @Test(
    "Words without a kind are decoded if they can only be one thing",
    arguments: [
      ("00000000000700e2 0", "descriptor"), ("0x11 0x0", "descriptor"), ("0000000200000025, 0000000000001000", "descriptor"),
      ("0000000503001019 00000000000000fc", "descriptor"), ("e000007d0000fedc00000000deadb000", "fault-record"),
      ("12345000 8123457180000108", "fault-record"), ("10005 102", "context"), ("10001 102ff5001", "scalable-root"),
      ("10e1d 0 0 0", "scalable-context"), ("0000000503000101 00007f00000010ff 0 0", "page-request"), ("11 0 0 0", "descriptor"),
      ("101 0 0 0 0 0 0 0", "pasid-entry"), ("0 0 0 0 0 0 0 0", "pasid-entry"),
    ])
  func guesses(line: String, kind: String) throws {
    #expect(try Self.decode(line).kind == kind)
  }

  @Test(
    "What could be several things, or nothing, needs a kind",
    arguments: [
      ("10001", "1 word can be several things"), ("10001 101001", "one of: context, scalable-root"),
      ("10001 0", "one of: root, scalable-root"), ("0 0", "2 words can be several things"),
      ("1 2 3", "3 words can be several things"), ("2 4", "2 words can be several things"),
    ])
  func ambiguous(line: String, part: String) throws {
    let message = try #require(Self.message(line))
    #expect(message.contains(part), "\(message)")
  }

  @Test(
    "Bad input is an error of one line that says what was expected",
    arguments: [
      ("", "nothing given"), ("pasd-entry 1", "did you mean 'pasid-entry'?"), ("ecpa 1", "did you mean 'ecap'?"),
      ("ss-pd", "ss-pd: 0 words given, expected 1"), ("ss-pd 1 2", "ss-pd: 2 words given, expected 1"),
      ("pasid-entry 1 2 3 4 5 6 7 8 9", "9 words given, expected 1 to 8"), ("root 1 xyz", "'xyz': expected a hexadecimal number"),
      ("fsts 100000000", "'100000000': expected a hexadecimal number of at most 32 bits"), ("cap", "CAP: 0 words given, expected 1"),
      ("frcd[0] 1", "FRCD: 1 word given, expected 2"), ("reg", "register: 0 words given"), ("reg 9 0", "the nearest is 0x8 (CAP)"),
      ("reg CPA 0", "did you mean 'CAP'?"), ("reg 3ff0 0", "no register has this offset"),
      ("root \(String(repeating: "1", count: 129))", "at most 512 bits"),
    ])
  func errors(line: String, part: String) throws {
    let message = try #require(Self.message(line))
    #expect(message.contains(part), "\(message)")
    #expect(!message.contains("\n"))
  }

  @Test(
    "A register is found by name, by offset, with an index or with an equals sign",
    arguments: [
      ("CAP d2008c40660462", "CAP"), ("cap=0xd2008c40660462", "CAP"), ("reg CAP 0", "CAP"), ("reg 0x8 0", "CAP"), ("register 18 0", "GCMD"),
      ("reg 380 0", "PERFEVNTCAP"), ("PERFEVNTCAP[3] 1", "PERFEVNTCAP"), ("reg 190 0", "MTRR_PHYSBASE"),
    ])
  func registers(line: String, name: String) throws {
    #expect(try Self.decode(line).name == name)
  }

  @Test("Registers whose place the unit decides are found by offset once the unit is known")
  func unitDecidesOffsets() throws {
    let decoder = Decoder([
      VTdVocabulary(capabilities: .init(rawValue: 0x8D2078_C106F0466), extended: .init(rawValue: 0xF020DF), hostAddressWidth: 46)
    ])
    #expect(try decoder.decode(["reg", "0x130", "0", "0"]).first?.name == "fault record")
    #expect(try decoder.decode(["reg", "0x208", "0"]).first?.name == "IOTLB")
    #expect(throws: DecodeError.self) { try decoder.decode(["reg", "0x0c0", "0"]) }
  }

  @Test("A long number is a whole structure, underscores don't count, and the order of words is lowest first")
  func words() {
    #expect(Word("0x1_0000000000000002")?.words == [2, 1])
    #expect(Word("FF")?.words == [255])
    for text in ["", "0x", "g", "-1", "+1", "0x1h", "é"] { #expect(Word(text) == nil, "\(text)") }
  }

  @Test("Missing words are said to be missing")
  func missingWords() throws {
    #expect(try Self.decode("pasid-entry 41 1 60010").notes == ["words 3 to 7 are not given and count as 0"])
    #expect(try Self.decode("root 10001").notes == ["word 1 is not given and counts as 0"])
    #expect(try Self.decode("descriptor 11 0").notes.isEmpty)
  }

  @Test("Names and aliases of kinds are unique, and no register is hidden by one but FRCD")
  func names() {
    let vocabulary = VTdVocabulary()
    let names = vocabulary.structures.flatMap { [$0.name] + $0.aliases }
    #expect(Set(names).count == names.count)
    #expect(Set(names).intersection(vocabulary.registers.map { $0.name.lowercased() }) == ["frcd"])
  }

  @Test("No words crash a kind", arguments: [UInt64.max, 0, 1, 0x8000_0000_0000_0000, 0x5555_5555_5555_5555])
  func anyWords(word: UInt64) {
    let vocabularies = [
      VTdVocabulary(), VTdVocabulary(capabilities: .init(rawValue: 0), extended: .init(rawValue: 0), hostAddressWidth: 32),
    ]
    for vocabulary in vocabularies {
      for kind in vocabulary.structures {
        for count in kind.wordCounts { #expect(kind.decode(given: Array(repeating: word, count: count)).words.count <= count) }
      }
      for register in vocabulary.registers {
        let words = Array(repeating: word & .mask(width: min(register.width, 64)), count: max(register.width / 64, 1))
        #expect(vocabulary.decode(register, words).words == words)
      }
    }
  }
}
