import Compression
import Foundation
import Testing

@Suite("Damaged and unusable traces") struct DamagedInputTests {
  enum Damage: String, CaseIterable {
    case truncatedInBlock, truncatedInSeekTable, flippedByte, flippedByteInHeader, wrongMagic, badVersion, absurdBlockLength, notZstd, empty
    case directory, missing, unreadable, text
  }

  /// Who may read everything finds nothing unreadable.
  static let kinds = Damage.allCases.filter { $0 != .unreadable || geteuid() != 0 }
  static let verbs = [["replay"], ["trace", "cat"], ["trace", "info"]]

  /// The bytes of a sound trace.
  static let sound = Result {
    let folder = try Folder()
    return [UInt8](try Data(contentsOf: URL(filePath: try folder.trace())))
  }

  /// A trace with the given damage, and a word that the error must have.
  func trace(_ damage: Damage, _ folder: Folder) throws -> (path: String, word: String) {
    let sound = try Self.sound.get()
    func change(_ place: Int) -> [UInt8] {
      var bytes = sound
      bytes[place] ^= 0x10
      return bytes
    }
    switch damage {
    case .truncatedInBlock: return (try folder.file("cut", sound.prefix(sound.count / 2)), "seek table")
    case .truncatedInSeekTable: return (try folder.file("cut", sound.dropLast(3)), "seek table")
    case .flippedByte: return (try folder.file("flipped", change(sound.count / 2)), "block 0")
    case .flippedByteInHeader: return (try folder.file("flipped", change(30)), "byte 0")
    case .wrongMagic: return (try folder.file("magic", try Self.frame("dmatrade 1\n\n") + sound), "dmatrace")
    case .badVersion: return (try folder.file("version", try Self.frame("dmatrace 9\n\n") + sound), "version 9")
    case .absurdBlockLength:
      return (try folder.file("length", try Self.frame("dmatrace 1\nblock-records: 99999999999\n\n") + sound), "block-records")
    case .notZstd: return (try folder.file("noise", (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 97) }), "expected a zstd frame")
    case .empty: return (try folder.file("empty", ""), "empty")
    case .directory: return ("/", "is a directory")
    case .missing: return (folder.path("missing"), "No such file or directory")
    case .unreadable:
      let path = try folder.file("unreadable", sound)
      try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
      return (path, "Permission denied")
    case .text: return (try folder.file("text", "0 read requester=00:01.0 address=0x1000 length=64\n"), "trace convert --from text")
    }
  }

  static func frame(_ text: String) throws -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: 1000)
    let size = try Array(text.utf8).withUnsafeBytes { content in
      try frame.withUnsafeMutableBytes { try ZstdEncoder().encode(content, into: $0) }
    }
    return Array(frame.prefix(size))
  }

  @Test("A trace that cannot be used is refused in one line with its name and the reason", arguments: kinds, verbs)
  func refusal(damage: Damage, verb: [String]) throws {
    let folder = try Folder()
    let (path, word) = try trace(damage, folder)
    try Program(verb + [path]).expectRefusal(path, word)
  }

  @Test("What precedes damage can still be used, with a warning", arguments: verbs)
  func prefix(verb: [String]) throws {
    let folder = try Folder()
    let trace = try folder.trace(records: 150_000)
    let sound = try Data(contentsOf: URL(filePath: trace))
    let cut = try folder.file("cut", sound.prefix(sound.count * 2 / 3))
    try Program(verb + [cut]).expectRefusal(cut)
    let run = try Program(verb + [cut, "--allow-truncated"])
    #expect(run.status == 0)
    #expect(run.output.contains(verb == ["trace", "cat"] ? "655350000 " : "65,536") || run.output.contains("655,350"))
    #expect(run.errors.hasPrefix("iommusim: warning: "))
    #expect(run.errors.contains(cut))
    #expect(run.errors.split(separator: "\n").count == 1)
  }

  @Test(
    "Text, CSV and logs that are cut or spoilt are refused with their line",
    arguments: [
      ("dmatrace 1\n\n0 read requester=00:01.0 address=0x1000 length=64\n5 reed address=0x1000\n", ":4"),
      ("time_ps,operation,address\n0,read,0x1000\n5,read,zzz\n", ":3"),
      (
        "vtd_iotlb_page_hit IOTLB page hit sid 0x20 iova 0x1000 slpte 0x12345003 domain 0x1\nvtd_dmar_translate dev 00:04.00 iova 0x10",
        ":2"
      ),
      ("nothing that anybody knows\n", "unknown format"),
    ])
  func conversion(content: String, place: String) throws {
    let folder = try Folder()
    let input = try folder.file("input", content)
    let output = folder.path("output.dmat.zst")
    try Program("trace", "convert", input, "--output", output).expectRefusal(input, place)
    #expect(folder.names == ["input"])
  }
}
