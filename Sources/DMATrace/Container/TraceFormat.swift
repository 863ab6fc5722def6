/// The trace container, version 1: a file of type `.dmat.zst`.
///
/// # Frames
///
/// A standard zstd file (RFC 8878) of independent frames. Each declares the size of its content and ends with zstd's content checksum.
/// `zstd -dc` decompresses the whole file, and `zstd -l` lists it.
///
/// | frame | content |
/// |---|---|
/// | first | the header, text |
/// | one per block, in order | `blockRecords` records; the last block may hold fewer |
/// | last, skippable | the seek table |
///
/// All numbers are little-endian.
///
/// # Header
///
/// Lines of UTF-8 that end with a line feed; an empty line ends the header. The first line is `dmatrace 1`, where 1 is the version: a
/// reader of another version refuses the file. The others are `key: value`, each key at most once but for `endpoint` and `note`; in a
/// value `\n`, `\r` and `\\` stand for line feed, carriage return and backslash.
///
/// | key | value |
/// |---|---|
/// | `source` | where the trace comes from |
/// | `clock` | what its times mean |
/// | `licence` | under which terms it may be passed on |
/// | `records` | how many records it has, if that was known when writing began |
/// | `mappings` | `complete` if what no record maps faults, `partial` if it is to be mapped at first touch |
/// | `endpoint` | requester, `unit=` number of its remapping unit, then its name to the end of the line |
/// | `note` | a free key, `=`, a value |
/// | `block-records` | records per block, 1 to 65,536; in containers only |
///
/// The text form of a trace (`TextTraceWriter`) begins with the same header.
///
/// # Block
///
/// | bytes | field |
/// |---|---|
/// | 4 | number of records, 1 to `block-records` |
/// | 4 | number of columns |
/// | 8 | number of the first record in the trace |
/// | 8 | time of the first record, in picoseconds |
/// | 20 each | a descriptor per column, in the order of their tags |
/// | rest | the values of the columns, in the same order, without gaps |
///
/// A column descriptor:
///
/// | bytes | field |
/// |---|---|
/// | 1 | tag: which field of the record, see below |
/// | 1 | 0 plain, 1 differences |
/// | 1 | width in bits of a stored value: 0 to 57, or 64 |
/// | 1 | shift, 0 to 63 |
/// | 8 | base |
/// | 8 | first value, of columns of differences; else 0 |
///
/// Tags: 0 time, 1 requester, 2 PASID + 1 or 0 for none, 3 operation, 4 address, 5 length, 6 physical address, 7 permissions,
/// 8 attributes, 9 page-request group, 10 invalidation scope, 11 domain, 12 value, 13 unit. What the numbers of operations, scopes and
/// attributes mean is said at `TraceOperation`, `InvalidationScope` and `TraceAttributes`; permissions are 1 read, 2 write, 4 execute.
///
/// Each record has one stored value of `width` bits in the column, packed without gaps: value i is bits `i * width` and on of the
/// column taken as one little-endian number, whose last byte is filled up with zeros. In a plain column the field is
/// `base + (stored << shift)`. In a column of differences the field of the first record is the first value, and each further one is
/// `base + (stored << shift)` more than the one before; the stored value of the first record is 0. All sums are modulo 2^64. Hence a
/// constant column has width 0, and so has one that grows in equal steps. A column that is left out is zero throughout. The time column
/// is always there and holds differences; its sums do not wrap. A writer may round a width up to whole bytes, where zstd then finds more
/// to compress.
///
/// Any block can be decoded without the others.
///
/// # Seek table
///
/// The skippable frame of zstd's seekable format, version 0.1.0: magic 0x184D2A5E, the length of the rest (4 bytes), one entry per frame
/// before it (compressed size, decompressed size, checksum of the content: 4 bytes each), the number of entries (4 bytes), a descriptor
/// byte 0x80 (entries have checksums), and magic 0x8F92EAB1 (4 bytes) at the very end of the file. The checksum is the low half of the
/// XXH64 digest with seed 0, the same that ends the frame.
///
/// # Content hash
///
/// What a report calls the trace's content hash is the 64-bit FNV-1a hash over the seek table's decompressed sizes and checksums of the
/// blocks, 8 bytes a block, in order. Metadata, compression level and zstd's version don't change it.
public enum TraceFormat {
  /// The version of the container and of the text form.
  public static let version = 1
  /// The word that begins header and text form.
  public static let magic: StaticString = "dmatrace"
  /// The most records a block may hold, and how many it holds by default.
  public static let maximumBlockRecords = 65_536
  /// The latest time a record may have, in picoseconds: times of a trace can be added to without overflow.
  public static let maximumTime = UInt64.max >> 1
  /// The longest access, in bytes: 1 GiB.
  public static let maximumAccessLength: UInt64 = 1 << 30

  /// The longest header, in bytes.
  static let maximumHeaderSize = 1 << 24
  /// The size of a block before its columns, in bytes.
  static let blockHeaderSize = 24
  /// The size of a column descriptor, in bytes.
  static let columnDescriptorSize = 20
  /// The largest content of a block of `records` records, in bytes.
  static func maximumBlockSize(records: Int) -> Int {
    blockHeaderSize + RecordField.allCases.reduce(0) { $0 + columnDescriptorSize + columnSize(width: $1.maximumWidth, records: records) }
  }
  /// The size of a column of stored values of `width` bits, in bytes.
  static func columnSize(width: Int, records: Int) -> Int { (width * records + 7) / 8 }
}
