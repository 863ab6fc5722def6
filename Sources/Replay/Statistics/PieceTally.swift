import Hardware
import Translation

/// How many page pieces of records there were of each sort.
///
/// A sort is a combination of all that is counted without a sum, so that each piece costs one increment: how it was served, by a page of which
/// size, for which access, and whether its record ends with it.
struct PieceTally: ~Copyable {
  private static let sorts = 1 << 12

  private let counts: UnsafeMutablePointer<UInt64>

  init() {
    counts = .allocate(capacity: Self.sorts)
    counts.initialize(repeating: 0, count: Self.sorts)
  }

  deinit { counts.deallocate() }

  @inline(__always) mutating func record(_ outcome: TranslationOutcome, pageSizeLog2: UInt8, accessCode: UInt8, isLast: Bool) {
    counts[Self.sort(outcome, pageSizeLog2, accessCode, isLast)] &+= 1
  }

  @inline(__always) private static func sort(_ outcome: TranslationOutcome, _ pageSizeLog2: UInt8, _ accessCode: UInt8, _ isLast: Bool)
    -> Int
  {
    Int(pageSizeLog2 & 63) | Int(outcome.rawValue & 7) &<< 6 | Int(accessCode & 3) &<< 9 | (isLast ? 1 &<< 11 : 0)
  }

  mutating func reset() { counts.update(repeating: 0, count: Self.sorts) }

  /// Records of the given access.
  func records(_ access: AccessKind) -> UInt64 {
    sum { Self.sort($0, $1, access.rawValue, true) }
  }

  /// Pieces that were served in the given way.
  func pieces(_ outcome: TranslationOutcome) -> UInt64 {
    AccessKind.allCases.reduce(0) { total, access in
      total
        + (0..<64).reduce(0) {
          $0 + counts[Self.sort(outcome, $1, access.rawValue, false)] + counts[Self.sort(outcome, $1, access.rawValue, true)]
        }
    }
  }

  /// Pieces that were translated by pages of the given size.
  func pieces(pageSizeLog2: UInt8) -> UInt64 {
    AccessKind.allCases.reduce(0) { total, access in
      total
        + TranslationOutcome.allCases.reduce(0) {
          $0 + counts[Self.sort($1, pageSizeLog2, access.rawValue, false)] + counts[Self.sort($1, pageSizeLog2, access.rawValue, true)]
        }
    }
  }

  private func sum(_ sort: (TranslationOutcome, UInt8) -> Int) -> UInt64 {
    TranslationOutcome.allCases.reduce(0) { total, outcome in total + (0..<64).reduce(0) { $0 + counts[sort(outcome, $1)] } }
  }
}
