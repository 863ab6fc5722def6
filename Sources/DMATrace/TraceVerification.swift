/// Everything that is wrong with a trace container, found by reading all of it.
public struct TraceVerification: Equatable, Sendable {
  /// The most findings kept.
  public static let maximumFindings = 100

  /// What is wrong, in the order of the file; empty for a sound trace.
  public private(set) var findings: [TraceError] = []
  /// How many findings there were, with those not kept.
  public private(set) var findingCount = 0
  /// How many blocks are sound.
  public private(set) var soundBlocks = 0
  /// How many records sound blocks hold.
  public private(set) var soundRecords: UInt64 = 0

  /// Whether nothing is wrong.
  public var isSound: Bool { findingCount == 0 }

  /// Reads a trace from front to back: every frame's checksum and size against the seek table, every record's fields and times.
  ///
  /// - Throws: `TraceError` only if the file cannot be read, or is no trace at all.
  public init(of path: String) throws(TraceError) {
    var reader = try TraceReader(path: path, allowTruncated: true)
    let openingError = Self.openingError(path)
    var block = 0
    while true {
      do throws(TraceError) {
        let count = try Self.records(of: block, in: &reader)
        guard let count else { break }
        soundBlocks += 1
        soundRecords += count
      } catch {
        add(error)
        // Without a seek table nothing tells where the next block begins.
        if reader.blockCount == nil { break }
      }
      block += 1
    }
    if findingCount == 0, let openingError { add(openingError) }
  }

  /// What a reader that insists on a sound file objects to when it opens the file.
  private static func openingError(_ path: String) -> TraceError? {
    do throws(TraceError) {
      _ = try TraceReader(path: path)
      return nil
    } catch {
      return error
    }
  }

  /// Reads a block and counts its records; nil behind the last block.
  private static func records(of block: Int, in reader: inout TraceReader) throws(TraceError) -> UInt64? {
    let first = UInt64(block) * UInt64(reader.blockRecords)
    if let blockCount = reader.blockCount {
      guard block < blockCount else { return nil }
      // The previous block may have been damaged; this one is read on its own.
      if reader.position != first || reader.damage != nil { try reader.seek(toRecord: first) }
    }
    var count: UInt64 = 0
    repeat {
      let batch = try reader.nextBatch()
      if batch.isEmpty { break }
      count += UInt64(batch.count)
    } while count < UInt64(reader.blockRecords)
    if let damage = reader.takeDamage() { throw damage }
    return count == 0 ? nil : count
  }

  private mutating func add(_ finding: TraceError) {
    findingCount += 1
    if findings.count < Self.maximumFindings { findings.append(finding) }
  }
}
