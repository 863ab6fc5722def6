import Compression

/// Where results go: standard output, or a file that appears under its name only when it is complete.
enum ResultOutput {
  /// Writes a text to the file `path`, or to standard output.
  static func write(_ text: String, to path: String?) throws(StreamError) {
    var file = try OutputFile(path: path ?? "-")
    try Self.write(text, to: &file)
    try file.commit()
  }

  private static func write(_ text: String, to file: inout OutputFile) throws(StreamError) {
    var text = text
    var failure: StreamError?
    text.withUTF8 { bytes in
      do throws(StreamError) { try file.write(UnsafeRawBufferPointer(bytes)) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
