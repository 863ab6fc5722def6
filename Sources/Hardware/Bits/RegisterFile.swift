/// The registers of a unit, as declared: software's reads and writes with the access rules of every field, and the hardware's own view.
///
/// Accesses of software are 4 or 8 bytes and naturally aligned; an 8-byte access is two of 4 bytes. Anything else, and any offset where no
/// register is, reads 0 and ignores writes.
///
/// - Complexity: O(1) for every access; 16 bytes of storage for 4 bytes of register space.
public struct RegisterFile: ~Copyable {
  @usableFromInline struct Word {
    @usableFromInline var value: UInt32 = 0
    @usableFromInline var readable: UInt32 = 0
    @usableFromInline var writable: UInt32 = 0
    @usableFromInline var clearable: UInt32 = 0
  }

  @usableFromInline let words: UnsafeMutablePointer<Word>
  @usableFromInline let wordCount: UInt64

  /// A file with the registers that an implementation has, each at its reset value or, for those the identity names, at its value there.
  ///
  /// - Parameters:
  ///   - declarations: All registers of the architecture.
  ///   - identity: Decides which exist and where.
  ///   - size: The bytes the file spans, at most 1 MiB; a multiple of 4.
  /// - Throws: `RegisterFileError` if a register lies outside the file, is misaligned or shares bytes with another.
  public init(_ declarations: [RegisterDeclaration], identity: RegisterIdentity, size: UInt64) throws(RegisterFileError) {
    guard size <= 1 << 20, size % 4 == 0 else { throw .size(size) }
    var contents = [Word](repeating: Word(), count: Int(size / 4))
    var owners = [String?](repeating: nil, count: contents.count)
    for register in declarations {
      for offset in register.offsets(for: identity) {
        let bytes = UInt64(register.width / 8)
        guard offset % min(bytes, 8) == 0 else { throw .misaligned(register.name, offset: offset) }
        guard offset <= size, bytes <= size - offset else { throw .outside(register.name, offset: offset, size: size) }
        for part in 0..<register.width / 32 {
          let index = Int(offset / 4) + part
          if let owner = owners[index] { throw .overlap(register.name, owner, offset: offset) }
          owners[index] = register.name
          let initial = identity.values[register.name] ?? register.reset
          contents[index] = Word(
            value: part < 2 ? UInt32(truncatingIfNeeded: initial >> UInt64(32 * part)) : 0,
            readable: register.mask(part: part, for: identity) { !$0.isReserved && $0 != .writeOnly },
            writable: register.mask(part: part, for: identity) { $0 == .readWrite || $0 == .writeOnly },
            clearable: register.mask(part: part, for: identity) { $0 == .writeOneToClear })
          // An identification register shows what it is, bits without a name included.
          if identity.values[register.name] != nil { contents[index].readable = .max }
        }
      }
    }
    words = .allocate(capacity: max(contents.count, 1))
    words.initialize(from: contents, count: contents.count)
    wordCount = UInt64(contents.count)
  }

  deinit { words.deallocate() }

  @inlinable func place(_ offset: UInt64) -> UnsafeMutablePointer<Word>? {
    offset & 3 == 0 && offset >> 2 < wordCount ? words + Int(truncatingIfNeeded: offset >> 2) : nil
  }

  /// What software reads: `size` is 4 or 8 bytes.
  @inlinable public func read(offset: UInt64, size: Int) -> UInt64 {
    switch size {
    case 4: UInt64(read32(offset))
    case 8 where offset & 7 == 0: UInt64(read32(offset)) | UInt64(read32(offset &+ 4)) << 32
    default: 0
    }
  }

  @inlinable func read32(_ offset: UInt64) -> UInt32 { place(offset).map { $0.pointee.value & $0.pointee.readable } ?? 0 }

  /// What software's write of 4 or 8 bytes does to the fields: stores to writable ones, clears where a 1 meets a RW1C field.
  @inlinable public mutating func write(offset: UInt64, size: Int, value: UInt64) {
    switch size {
    case 4: write32(offset, UInt32(truncatingIfNeeded: value))
    case 8 where offset & 7 == 0:
      write32(offset, UInt32(truncatingIfNeeded: value))
      write32(offset &+ 4, UInt32(truncatingIfNeeded: value >> 32))
    default: break
    }
  }

  @inlinable mutating func write32(_ offset: UInt64, _ value: UInt32) {
    guard let word = place(offset) else { return }
    let kept = word.pointee.value & ~(value & word.pointee.clearable)
    word.pointee.value = kept & ~word.pointee.writable | value & word.pointee.writable
  }

  /// The 32 bits at `offset` as the hardware holds them; no access rule applies.
  @inlinable public subscript(dword offset: UInt64) -> UInt32 {
    get { place(offset)?.pointee.value ?? 0 }
    set { place(offset)?.pointee.value = newValue }
  }

  /// The 64 bits at `offset` as the hardware holds them; no access rule applies.
  @inlinable public subscript(qword offset: UInt64) -> UInt64 {
    get { UInt64(self[dword: offset]) | UInt64(self[dword: offset &+ 4]) << 32 }
    set {
      self[dword: offset] = UInt32(truncatingIfNeeded: newValue)
      self[dword: offset &+ 4] = UInt32(truncatingIfNeeded: newValue >> 32)
    }
  }

  /// Whether a register lies at `offset`.
  public func isImplemented(_ offset: UInt64) -> Bool {
    place(offset & ~3).map { $0.pointee.readable | $0.pointee.writable | $0.pointee.clearable != 0 } ?? false
  }
}

/// Why a register file cannot be laid out.
public enum RegisterFileError: Error, Equatable, CustomStringConvertible {
  /// The size is not a multiple of 4 or exceeds 1 MiB.
  case size(UInt64)
  /// A register's offset is no multiple of its width (of 8 bytes for a wider one).
  case misaligned(String, offset: UInt64)
  /// A register ends behind the file.
  case outside(String, offset: UInt64, size: UInt64)
  /// Two registers share bytes.
  case overlap(String, String, offset: UInt64)

  /// The error in one line.
  public var description: String {
    func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
    return switch self {
    case .size(let size): "register file of \(size) bytes: expected a multiple of 4, at most 1 MiB"
    case .misaligned(let name, let offset): "register \(name) at \(hex(offset)): expected an offset aligned to its width"
    case .outside(let name, let offset, let size): "register \(name) at \(hex(offset)): expected to end within \(hex(size))"
    case .overlap(let name, let other, let offset): "registers \(name) and \(other) overlap at \(hex(offset))"
    }
  }
}
