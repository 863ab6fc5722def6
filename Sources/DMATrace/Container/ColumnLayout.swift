/// How the values of a column are stored in a block; `TraceFormat` describes it.
struct ColumnLayout {
  /// Whether differences are stored, rather than the values themselves.
  var isDifferences: Bool
  /// The bits of a stored value: 0 to 57, or 64.
  var width: Int
  var shift: UInt64
  var base: UInt64

  /// The layout that suits values, of which there is at least one; times are only ever stored as differences.
  ///
  /// If the values or their differences repeat themselves, whole bytes let zstd find the repetition; if not, the narrowest width is the
  /// best there is, and the quickest to read. The choice depends on nothing but the values, so that the same records always give the same
  /// content.
  static func best(for values: UnsafeBufferPointer<UInt64>, field: RecordField) -> ColumnLayout {
    let differences = differences(values)
    if field == .time { return differences.repetition(in: values) > 0 ? differences.rounded : differences }
    let plain = plain(values)
    if plain.width == 0 || differences.width == 0 { return plain.width == 0 ? plain : differences }
    let repetition = (plain: plain.repetition(in: values), differences: differences.repetition(in: values))
    if repetition.plain > 0 || repetition.differences > 0 {
      return repetition.plain >= repetition.differences ? plain.rounded : differences.rounded
    }
    return plain.width <= differences.width ? plain : differences
  }

  /// How many of the first stored values begin a sequence of 24 bits or more that has occurred before, if it is most of them; else 0.
  private func repetition(in values: UnsafeBufferPointer<UInt64>) -> Int {
    guard width > 0 else { return 0 }
    let length = (23 + width) / width
    let sample = min(values.count, 4096) - length
    guard sample > 0 else { return 0 }
    // One bit for each hash of 16 bits: few of 4096 sequences collide by chance.
    var seen = [UInt64](repeating: 0, count: 1024)
    var repeated = 0
    for start in 1...sample {
      var hash: UInt64 = 0
      for index in start..<min(start + length, values.count) {
        let stored = isDifferences ? values[index] &- values[index - 1] : values[index]
        hash = (hash ^ stored) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 32
      }
      let word = Int(hash >> 6 & 1023)
      let bit = UInt64(1) << (hash & 63)
      if seen[word] & bit != 0 { repeated += 1 }
      seen[word] |= bit
    }
    return repeated > sample / 2 ? repeated : 0
  }

  private static func plain(_ values: UnsafeBufferPointer<UInt64>) -> ColumnLayout {
    let first = values[0]
    var (smallest, largest, varying) = (first, first, UInt64(0))
    for value in values {
      smallest = min(smallest, value)
      largest = max(largest, value)
      varying |= value ^ first
    }
    return ColumnLayout(isDifferences: false, smallest: smallest, span: largest - smallest, varying: varying)
  }

  private static func differences(_ values: UnsafeBufferPointer<UInt64>) -> ColumnLayout {
    guard values.count > 1 else { return ColumnLayout(isDifferences: true, smallest: 0, span: 0, varying: 0) }
    let first = values[1] &- values[0]
    var (smallest, largest, varying) = (Int64(bitPattern: first), Int64(bitPattern: first), UInt64(0))
    for index in 1..<values.count {
      let step = values[index] &- values[index - 1]
      smallest = min(smallest, Int64(bitPattern: step))
      largest = max(largest, Int64(bitPattern: step))
      varying |= step ^ first
    }
    let span = UInt64(bitPattern: largest) &- UInt64(bitPattern: smallest)
    return ColumnLayout(isDifferences: true, smallest: UInt64(bitPattern: smallest), span: span, varying: varying)
  }

  /// The layout for values from `smallest` up to `smallest + span` that agree in all bits but `varying`.
  private init(isDifferences: Bool, smallest: UInt64, span: UInt64, varying: UInt64) {
    let shift = varying == 0 ? 0 : varying.trailingZeroBitCount
    let width = 64 - (span >> UInt64(shift)).leadingZeroBitCount
    self.isDifferences = isDifferences
    self.width = width > 57 ? 64 : width
    self.shift = UInt64(shift)
    base = smallest
  }

  /// The same with a width of whole bytes.
  private var rounded: ColumnLayout {
    var layout = self
    layout.width = (width + 7) / 8 * 8
    return layout
  }

  /// Stores values into memory with 8 bytes to spare behind them.
  ///
  /// - Returns: How many bytes they take.
  @discardableResult func pack(_ values: UnsafeBufferPointer<UInt64>, into start: UnsafeMutableRawPointer) -> Int {
    guard width > 0 else { return 0 }
    var target = start
    var previous = isDifferences ? values[0] &- base : 0
    // The bits that do not make a byte yet.
    var (bits, bitCount) = (UInt64(0), 0)
    for value in values {
      let stored = (value &- previous &- base) &>> shift
      if isDifferences { previous = value }
      bits |= stored &<< UInt64(truncatingIfNeeded: bitCount)
      target.storeBytes(of: bits.littleEndian, as: UInt64.self)
      bitCount += width
      target += bitCount >> 3
      bits = bits >> UInt64(truncatingIfNeeded: bitCount & ~7)
      bitCount &= 7
    }
    target.storeBytes(of: bits.littleEndian, as: UInt64.self)
    return TraceFormat.columnSize(width: width, records: values.count)
  }
}
