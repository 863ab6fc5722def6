import Testing

@testable import DMATrace

@Suite struct TraceVerificationTests {
  private let directory = TemporaryDirectory()

  @Test("A sound trace has no findings")
  func sound() throws {
    let verification = try TraceVerification(of: directory.container(variedRecords(1000), blockRecords: 300))
    #expect(verification.isSound)
    #expect(verification.soundBlocks == 4)
    #expect(verification.soundRecords == 1000)
  }

  @Test("Every damaged block is found, and the others are counted")
  func damagedBlocks() throws {
    let path = try directory.container(plainRecords(1000), blockRecords: 100)
    var bytes = try bytes(of: path)
    let reader = try TraceReader(path: path)
    for block in [0, 4, 9] { bytes[Int(reader.block(block)?.byteOffset ?? 0) + 30] ^= 0x40 }
    let verification = try TraceVerification(of: directory.make("damaged", bytes))
    #expect(verification.findings.map(\.block) == [0, 4, 9])
    #expect(verification.soundBlocks == 7)
    #expect(verification.soundRecords == 700)
  }

  @Test("A flipped bit anywhere is found, unless the trace is as it was")
  func flippedBits() throws {
    let records = plainRecords(60)
    let sound = try bytes(of: directory.container(records, blockRecords: 20))
    for index in stride(from: 0, to: sound.count, by: 3) {
      var flipped = sound
      flipped[index] ^= 1 << UInt8(index % 7)
      let path = try directory.make("flipped", flipped)
      let isSound = (try? TraceVerification(of: path).isSound) ?? false
      #expect(!isSound || deliver(container: path).records == records, "byte \(index)")
    }
  }

  @Test("A trace without its seek table has that as its finding, and what is there is counted")
  func noTable() throws {
    let bytes = try bytes(of: directory.container(plainRecords(1000), blockRecords: 100)).dropLast()
    let verification = try TraceVerification(of: directory.make("cut", Array(bytes)))
    #expect(verification.findings.map(\.code) == [.truncated])
    #expect(verification.soundRecords == 1000)
  }

  @Test("The findings kept are limited, those counted are not")
  func manyFindings() throws {
    let path = try directory.container(plainRecords(300), blockRecords: 2)
    var bytes = try bytes(of: path)
    let reader = try TraceReader(path: path)
    for block in 0..<150 { bytes[Int(reader.block(block)?.byteOffset ?? 0) + 15] ^= 0x40 }
    let verification = try TraceVerification(of: directory.make("damaged", bytes))
    #expect(verification.findingCount == 150)
    #expect(verification.findings.count == TraceVerification.maximumFindings)
  }

  @Test("What is no trace at all is an error")
  func noTrace() {
    #expect(throws: TraceError.self) { try TraceVerification(of: directory.make("text", "no trace")) }
  }
}
