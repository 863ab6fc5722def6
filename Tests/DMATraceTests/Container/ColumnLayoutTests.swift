import Hardware
import Testing

@testable import DMATrace

@Suite struct ColumnLayoutTests {
  private func layout(_ values: [UInt64], _ field: RecordField = .address) -> ColumnLayout {
    values.withUnsafeBufferPointer { ColumnLayout.best(for: $0, field: field) }
  }

  @Test(
    "A column is as narrow as its values, or its differences, allow",
    arguments: [
      ([7], 0), ([7, 7, 7], 0), ([0, 4096, 8192, 12288], 0), ([10, 7, 4, 1], 0), ([0, 1], 0), ([5, 6, 5], 1), ([0, 64, 256], 1),
      ([0, 64, 256, 64], 2),
      ([0, .max, 0], 1), ([0, .max, 3], 3), ([0, 1 << 56, 5, 1 << 55], 57), ([0, 1 << 57, 5, 1 << 56], 64),
    ])
  func width(values: [UInt64], width: Int) {
    #expect(layout(values).width == width)
  }

  @Test("Random values are stored bit by bit, repeated ones in whole bytes for zstd")
  func rounding() {
    var random = SplitMix64(seed: 1)
    let chaos = (0..<5000).map { _ in random.next(below: 1 << 11) }
    #expect(layout(chaos).width == 11)
    #expect(layout((0..<5000).map { chaos[$0 % 100] }).width == 16)
    #expect(layout(chaos.map { $0 & 1 }).width == 1)
    #expect(layout((0..<5000).map { $0 % 10 == 0 ? 1 : 0 }).width == 8)
  }

  @Test("Times are stored as differences even where they would be narrower as they are")
  func times() {
    #expect(layout([0, 0, 255, 255], .time).isDifferences)
    #expect(layout([9], .time).isDifferences)
  }

  @Test("Every column comes back as it was", arguments: 0..<40)
  func roundTrip(seed: UInt64) throws {
    // Addresses whose range, alignment and regularity depend on the seed.
    var random = SplitMix64(seed: seed)
    let bits = seed % 8 * 9 + 1
    let values = (0..<700).map { index in
      seed % 3 == 0 ? UInt64(index) &* (seed &* 0x1_0001) &+ random.next(below: 4) : (random.next() >> (64 - bits)) << (seed % 5)
    }
    let records = values.map { TraceRecord(operation: .read, address: .init($0)) }
    let decoded = try Self.decode(records)
    #expect(decoded == records)
  }

  /// Encodes records as a block and decodes it.
  static func decode(_ records: [TraceRecord]) throws -> [TraceRecord] {
    let encoder = BlockEncoder(blockRecords: records.count)
    var decoder = BlockDecoder()
    let content = records.withUnsafeBufferPointer { encoder.encode($0, firstRecord: 0) }
    try decoder.begin(content, after: 0)
    var decoded: [TraceRecord] = []
    while true {
      let batch = try decoder.next()
      if batch.isEmpty { return decoded }
      decoded += batch
    }
  }
}
