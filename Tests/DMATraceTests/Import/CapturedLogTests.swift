import Foundation
import Hardware
import Testing

@testable import DMATrace

/// Excerpts of the logs of a Linux guest, in QEMU's legacy mode with strict unmapping and in its scalable mode with lazy unmapping.
@Suite struct CapturedLogTests {
  private let directory = TemporaryDirectory()

  private static let logs = ["qemu-vtd-legacy-strict.txt", "qemu-vtd-scalable-lazy.txt"]

  private func records(_ path: String) throws -> [TraceRecord] {
    var reader = try QEMULogReader(path: path)
    let delivery = deliver(&reader)
    if let error = delivery.error { throw error }
    return delivery.records
  }

  /// What a log shows of each translation: who, where, whence, and whether the translation was cached.
  private struct Shown {
    var requester: String
    var page: UInt64
    var target: UInt64
    var isHit: Bool
  }

  /// Reads a log with nothing of the importer.
  private func shown(_ path: String) throws -> [Shown] {
    var translations: [Shown] = []
    var isHit = false
    for line in try lines(of: path) {
      let words = line.split(separator: " ")
      guard let event = words.first?.split(separator: ":").last else { continue }
      if event.hasPrefix("vtd_iotlb_page_") { isHit = event == "vtd_iotlb_page_hit" }
      if event == "vtd_dmar_translate" {
        func number(behind word: Substring) -> UInt64 {
          words.firstIndex(of: word).flatMap { UInt64(words[$0 + 1].dropFirst(2), radix: 16) } ?? 0
        }
        translations.append(
          Shown(requester: String(words[2]), page: number(behind: "iova"), target: number(behind: "gpa"), isHit: isHit))
      }
    }
    return translations
  }

  @Test("Every translation is one access, in order, to the page and the address that the log shows", arguments: logs)
  func translations(log: String) throws {
    let shown = try shown(fixture(log))
    let accesses = try records(fixture(log)).filter(\.isAccess)
    #expect(accesses.count == shown.count)
    for (access, expected) in zip(accesses, shown) {
      #expect(access.address.alignedDown(12).rawValue == expected.page)
      #expect(access.physical.rawValue == expected.target + access.address.pageOffset(12))
      #expect(access.requester.description.dropLast(1) + "00" == expected.requester)
    }
  }

  @Test("An unbounded cache that knows the records alone hits and misses as the log does", arguments: logs)
  func hitsAndMisses(log: String) throws {
    let shown = try shown(fixture(log))
    var cache: [TraceDomain: Set<UInt64>] = [:]
    var domains: [RequesterID: TraceDomain] = [:]
    var targets: [TraceDomain: [UInt64: UInt64]] = [:]
    var known: Set<String> = []
    var index = 0
    var compared = 0
    for record in try records(fixture(log)) {
      switch record.operation {
      case .attach: domains[record.requester] = record.domain
      case .map: targets[record.domain, default: [:]][record.address.rawValue >> 12] = record.physical.rawValue
      case .invalidate:
        switch record.scope {
        case .global: cache = [:]
        case .domain: cache[record.domain] = []
        case .pages: for page in 0..<record.length >> 12 { cache[record.domain]?.remove(record.address.rawValue >> 12 + page) }
        default: break
        }
      default:
        let domain = domains[record.requester] ?? TraceDomain(0)
        let page = record.address.rawValue >> 12
        let isHit = cache[domain]?.contains(page) ?? false
        // The excerpt begins in the middle of the log: what was cached before is not known.
        if known.insert("\(domain) \(page)").inserted == false {
          #expect(isHit == shown[index].isHit, "translation \(index)")
          compared += 1
        }
        #expect(targets[domain]?[page] == shown[index].target)
        cache[domain, default: []].insert(page)
        index += 1
      }
    }
    #expect(compared > 80)
  }

  @Test("The three forms of a log give the same records", arguments: logs)
  func forms(log: String) throws {
    let stamped = try lines(of: fixture(log)).filter { !$0.isEmpty }
    let expected = try records(fixture(log))
    func timeless(_ records: [TraceRecord]) -> [TraceRecord] {
      records.map { record in
        var record = record
        record.time = .zero
        return record
      }
    }
    let bare = stamped.map { $0.drop { $0 != ":" }.dropFirst() + "\n" }.joined()
    #expect(try timeless(records(directory.make("bare", bare))) == timeless(expected))
    let simple = try Self.simpletrace(stamped).map { $0 + "\n" }.joined()
    #expect(try records(directory.make("simple", simple)) == expected)
  }

  /// The lines as simpletrace.py prints them, as far as the importer reads them.
  private static func simpletrace(_ lines: [String]) throws -> [String] {
    var last: Int64?
    return try lines.map { line in
      let stamp = try #require(line.firstMatch(of: /^(\d+)@(\d+)\.(\d+):(\w+)/))
      let microseconds = (Int64(stamp.2) ?? 0) * 1_000_000 + (Int64(stamp.3) ?? 0)
      let delta = microseconds - (last ?? microseconds)
      last = microseconds
      var text = "\(stamp.4) \(delta < 0 ? "-" : "")\(abs(delta)).000 pid=\(stamp.1)"
      let rest = line[stamp.range.upperBound...]
      if let match = rest.firstMatch(of: /dev (\w+):(\w+)\.(\w+) iova (\w+) -> gpa (\w+) mask (\w+)/) {
        let function = match.3.drop { $0 == "0" }
        text +=
          " bus=0x\(match.1) slot=0x\(match.2) func=0x\(function.isEmpty ? "0" : function) iova=\(match.4) gpa=\(match.5) mask=\(match.6)"
      } else if let match = rest.firstMatch(of: /sid (\w+) iova (\w+) slpte (\w+) domain (\w+)/) {
        text += " sid=\(match.1) addr=\(match.2) slpte=\(match.3) domain=\(match.4)"
      } else if let match = rest.firstMatch(of: /desc type (\S+) high (\w+) low (\w+)/) {
        text += " type=\(match.1) hi=\(match.2) lo=\(match.3)"
      } else if let match = rest.firstMatch(of: /domain (\w+) addr (\w+) mask (\w+)/) {
        text += " domain=\(match.1) addr=\(match.2) mask=\(match.3)"
      }
      return text
    }
  }

  @Test("Lines of a log made by simpletrace.py are all understood as events, with the time since the line before")
  func simpletraceForm() throws {
    var clock = LogClock(form: .simpletrace)
    var events = 0
    for line in try lines(of: fixture("qemu-simpletrace-smmuv3.txt")) where !line.isEmpty {
      try Array(line.utf8).withUnsafeBytes { bytes in
        guard case .event(let event) = LogLine.parse(bytes) else { return }
        #expect(event.form == .simpletrace)
        let advances = clock.advance(to: event)
        #expect(advances)
        events += 1
        if events == 2 { #expect(clock.now == 18_980_000) }
        if events == 3 { #expect(clock.now == (18_980 + 9_493_991) * 1000) }
        try #require(events < 1000)
      }
    }
    #expect(events == 484)
  }
}
