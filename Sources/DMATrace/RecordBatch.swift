/// A buffer of records that its owner fills and empties over and over.
struct RecordBatch: ~Copyable {
  /// How many records there is room for.
  let capacity: Int
  /// How many records are in it.
  private(set) var count = 0

  private let records: UnsafeMutablePointer<TraceRecord>

  init(capacity: Int) {
    self.capacity = capacity
    records = .allocate(capacity: capacity)
  }

  deinit { records.deallocate() }

  var isFull: Bool { count == capacity }

  /// The records in it, valid until it is changed.
  var view: UnsafeBufferPointer<TraceRecord> { UnsafeBufferPointer(start: records, count: count) }

  /// Adds a record; without effect on a full batch.
  mutating func append(_ record: TraceRecord) {
    guard count < capacity else { return }
    records[count] = record
    count += 1
  }

  mutating func removeAll() { count = 0 }
}
