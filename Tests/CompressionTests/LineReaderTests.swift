import Testing

@testable import Compression

@Suite struct LineReaderTests {
  private let directory = TemporaryDirectory()

  private func lines(_ path: String, maximumLength: Int = LineReader.defaultMaximumLength) throws -> [String] {
    var reader = try LineReader(path: path, maximumLength: maximumLength)
    var lines: [String] = []
    while let line = try reader.next() {
      lines.append(String(decoding: line, as: UTF8.self))
      let number = reader.lineNumber
      #expect(number == lines.count)
    }
    return lines
  }

  @Test(
    "Lines end with a line feed, before which a carriage return is dropped",
    arguments: [
      ("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("a\n\nb\n", ["a", "", "b"]),
      ("a\r\nb\r\n", ["a", "b"]), ("\r\n", [""]), ("a\rb\n", ["a\rb"]),
    ])
  func splitting(text: String, expected: [String]) throws {
    #expect(try lines(directory.make("text", Array(text.utf8))) == expected)
    #expect(try lines(directory.make("text", frame(Array(text.utf8)))) == expected)
  }

  @Test("Lines longer than the buffer, and lines across its end, come whole")
  func longLines() throws {
    let expected = (0..<40).map { String(repeating: "x", count: $0 * $0 * 300) + "\($0)" }
    let path = try directory.make("long", frame(Array((expected.joined(separator: "\n") + "\n").utf8)))
    #expect(try lines(path) == expected)
  }

  @Test("A line beyond the limit is an error with its number")
  func limit() throws {
    let path = try directory.make("limit", Array(("short\n" + String(repeating: "x", count: 500_000)).utf8))
    let error = #expect(throws: StreamError.self) { try lines(path, maximumLength: 200_000) }
    #expect(error?.code == .lineTooLong)
    #expect(error?.message.hasPrefix("line 2 ") == true)
  }

  @Test("Whether the last line has its line feed is told")
  func termination() throws {
    var reader = try LineReader(path: directory.make("text", Array("a\nb".utf8)))
    _ = try reader.next()
    let first = reader.isTerminated
    _ = try reader.next()
    let second = reader.isTerminated
    #expect(first && !second)
  }

  @Test("A line taken back is read again")
  func unread() throws {
    var reader = try LineReader(path: directory.make("text", Array("a\nb\n".utf8)))
    _ = try reader.next()
    reader.unread()
    let before = reader.lineNumber
    let line = try reader.next()
    let after = reader.lineNumber
    #expect(line.map { String(decoding: $0, as: UTF8.self) } == "a")
    #expect((before, after) == (0, 1))
  }
}
