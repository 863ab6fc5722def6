import Testing

@testable import DMATrace

@Suite struct LogLineTests {
  /// The times in nanoseconds that a clock gives the lines of a log.
  private func times(_ lines: [String], form: LogLine.Form) -> [UInt64] {
    var clock = LogClock(form: form)
    return lines.map { line in
      Array(line.utf8).withUnsafeBytes { bytes in
        guard case .event(let event) = LogLine.parse(bytes), clock.advance(to: event) else { return .max }
        return clock.now / 1000
      }
    }
  }

  @Test("Stamped times count from the first event, and never go back")
  func stamped() {
    let lines = ["7@100.999990:vtd_a", "8@101.000000:vtd_b x", "7@100.999995:vtd_c", "7@100.000000:vtd_c", "7@101.000001:vtd_d"]
    #expect(times(lines, form: .stamped) == [0, 10_000, 10_000, 10_000, 11_000])
  }

  @Test("Simpletrace times add up from the first event, and never go back")
  func simpletrace() {
    let lines = ["vtd_a 500.000 pid=1", "vtd_b 1.500 pid=1 x=0x1", "vtd_c -1.000 pid=2", "vtd_d 0.250 pid=1", "vtd_e 1.000 pid=1"]
    #expect(times(lines, form: .simpletrace) == [0, 1500, 1500, 1500, 1750])
  }

  @Test("Bare lines are a microsecond apart")
  func bare() { #expect(times(["vtd_a", "vtd_b 5", "vtd_c x"], form: .bare) == [0, 1000, 2000]) }

  @Test("Times that no trace can hold are refused", arguments: ["1@9223372.036854:vtd_a", "1@18446744073708.999999:vtd_a"])
  func range(line: String) {
    let isFirst = line.hasPrefix("1@9223372.")
    #expect(times(["1@0.000000:vtd_a", line], form: .stamped).last == (isFirst ? 9_223_372_036_854_000 : .max))
  }

  @Test(
    "Lines that report no event are told from those that are cut off",
    arguments: [
      ("", "other"), ("some words", "other"), ("qemu-system-x86_64: warning", "other"), ("12 apples", "other"), ("12@", "malformed"),
      ("12@5.12:vtd_a", "malformed"), ("12@5.123456", "malformed"), ("12@5.123456:", "malformed"), ("12@5.123456:a-b", "malformed"),
      ("12@5.123456:x", "event"), ("a_b", "event"), ("a_b c", "event"),
    ])
  func kinds(line: String, kind: String) {
    let found = Array(line.utf8).withUnsafeBytes { bytes in
      switch LogLine.parse(bytes) {
      case .event: "event"
      case .other: "other"
      case .malformed: "malformed"
      }
    }
    #expect(found == kind)
  }
}
