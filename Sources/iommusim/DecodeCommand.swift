import ArgumentParser
import Compression
import Inspection
import Reports
import VTdArchitecture

/// `iommusim decode`: what words and lines of logs mean.
struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Take registers, table entries, descriptors, fault records and lines of kernel logs apart.",
    usage: """
      iommusim decode [KIND] WORD...
      iommusim decode NAME WORD             a register by its name, or with 'reg' also by its offset
      iommusim decode LINE                  a line of a kernel log
      iommusim decode - < LOG               every line of a log that is known
      iommusim decode --list
      """,
    discussion: """
      Words are hexadecimal, with or without 0x, the first word of a structure first; one of more than 16 digits is a whole structure, most \
      significant digit first. The kind can be left out where the words can only be one thing. Without --cap and --ecap everything exists that \
      the revision has.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: ArgumentHelp("What to decode.", valueName: "word|line"))
  var words: [String] = []

  @Flag(help: "List the kinds, and the registers.")
  var list = false

  @Option(help: ArgumentHelp("The form of the answer: text or json.", valueName: "format"))
  var format = Format.text

  @Option(help: ArgumentHelp("CAP of the unit: what it lacks is reserved.", valueName: "hex"))
  var cap: HexadecimalWord?

  @Option(help: ArgumentHelp("ECAP of the unit.", valueName: "hex"))
  var ecap: HexadecimalWord?

  @Option(help: ArgumentHelp("The bits of a physical address of the host, 32 to 52.", valueName: "bits"))
  var hostAddressWidth = 52

  @Option(
    help: ArgumentHelp(
      "The revision of the specification: \(RevisionProfile.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "revision"))
  var revision = RevisionProfile.revision4

  mutating func run() throws {
    guard (32...52).contains(hostAddressWidth) else {
      throw ValidationError("--host-address-width \(hostAddressWidth): expected 32 to 52")
    }
    let vocabulary = VTdVocabulary(
      capabilities: cap.map { Capabilities(rawValue: $0.value) }, extended: ecap.map { ExtendedCapabilities(rawValue: $0.value) },
      hostAddressWidth: hostAddressWidth, revision: revision)
    let decoder = Decoder([vocabulary])
    if list { return try ResultOutput.write(DecodeReport.list(decoder.kinds, registers: vocabulary.registers), to: nil) }
    let decodings = words == ["-"] ? try log(decoder) : try decoder.decode(words)
    try ResultOutput.write(format == .text ? DecodeReport.text(decodings) : DecodeReport.json(decodings), to: nil)
  }

  private func log(_ decoder: Decoder) throws -> [Decoding] {
    var reader = try LineReader(path: "-", maximumLength: 1 << 16)
    var log = LogDecoder(decoder)
    var decodings: [Decoding] = []
    while let line = try reader.next() { decodings += log.read(String(decoding: line, as: UTF8.self)) }
    decodings += log.finish()
    guard !decodings.isEmpty else { throw DecodeError.noLine("standard input") }
    return decodings
  }
}

/// A number on the command line, in hexadecimal with or without `0x`.
struct HexadecimalWord: ExpressibleByArgument {
  let value: UInt64

  init?(argument: String) {
    let digits = argument.lowercased().hasPrefix("0x") ? argument.dropFirst(2) : argument[...]
    guard let value = UInt64(digits, radix: 16) else { return nil }
    self.value = value
  }
}

extension RevisionProfile: ExpressibleByArgument {}
