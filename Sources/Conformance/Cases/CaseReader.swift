import Compression
import Foundation

/// Reads conformance cases from a file of JSON lines, plain or compressed with zstd, one case in memory at a time.
///
/// What kind of case a line is, its content says: `arch` makes it a whole-IOMMU case, `kind` a case of tables or entries.
public struct CaseReader: ~Copyable {
  /// The path as given.
  public let path: String
  /// The line of the case that `next()` returned last, counted from 1; 0 before the first.
  public private(set) var lineNumber = 0

  private var lines: LineReader

  /// Opens the file; `-` names standard input.
  public init(path: String) throws(ConformanceError) {
    self.path = path
    do throws(StreamError) {
      lines = try LineReader(path: path)
    } catch {
      throw .unreadable(error)
    }
  }

  /// The next case, or nil at the end of the file. Empty lines are passed over.
  public mutating func next() throws(ConformanceError) -> ConformanceCase? {
    while true {
      // The bytes of a line are valid until the next one is read, so they are parsed at once.
      let parsed: Any
      do throws(StreamError) {
        guard let line = try lines.next() else { return nil }
        lineNumber = lines.lineNumber
        if line.isEmpty { continue }
        parsed = Self.parse(line) ?? NSNull()
      } catch {
        throw .unreadable(error)
      }
      guard let members = parsed as? [String: Any] else {
        throw .malformed(path: path, line: lineNumber, message: "expected a case, that is a JSON object on one line")
      }
      do throws(CaseDefect) {
        return try ConformanceCase(CaseObject(members: members, place: ""))
      } catch {
        throw .malformed(path: path, line: lineNumber, message: error.message)
      }
    }
  }

  private static func parse(_ line: UnsafeRawBufferPointer) -> Any? {
    guard let start = line.baseAddress else { return nil }
    // JSONSerialization only reads: the line need not be copied.
    let data = Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: line.count, deallocator: .none)
    return try? JSONSerialization.jsonObject(with: data)
  }
}

extension ConformanceCase {
  /// Kinds of cases about Arm's formats: known, not modelled.
  static let unmodelledKinds: Set<String> = [
    "vmsa_s1", "vmsa_s2", "mut_vmsa_s1", "mut_vmsa_s2", "smmu", "ste_vector", "cd_vector", "ste_transition", "cd_transition",
  ]

  init(_ object: CaseObject) throws(CaseDefect) {
    let id = try object.string("id")
    if object.contains("arch") {
      let header = CaseHeader(
        id: id, category: try object.string("category"), trust: try Self.trust(object), concernsTables: false)
      switch try object.string("arch") {
      case "vtd": self = .iommu(try IOMMUCase(object, header))
      case "smmuv3": self = .unmodelled(header)
      case let other: throw CaseDefect("arch", expected: "vtd or smmuv3", found: other)
      }
      return
    }
    let kind = try object.string("kind")
    let header = CaseHeader(id: id, category: kind, concernsTables: true)
    if let kind = PageTableCase.Kind(rawValue: kind) {
      self = .pageTable(try PageTableCase(object, header, kind))
    } else if kind == "pasid_vector" {
      self = .entry(try EntryCase(object, header))
    } else if Self.unmodelledKinds.contains(kind) {
      self = .unmodelled(header)
    } else {
      throw CaseDefect("kind", expected: "a known kind of case", found: kind)
    }
  }

  private static func trust(_ object: CaseObject) throws(CaseDefect) -> CaseHeader.Trust {
    let word = try object.string("trust")
    guard let trust = CaseHeader.Trust(rawValue: word) else { throw CaseDefect("trust", expected: "ok, check or qemu", found: word) }
    return trust
  }
}
