/// Why a configuration cannot be used: where it says so, what is wrong, and what was expected.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file and line (`machine.yaml:3`), or the setting (`--set iotlb.ways=3`); empty if there is no place to name.
  public let place: String
  /// What is wrong, in words.
  public let message: String

  /// An error of the given place and words.
  public init(place: String = "", _ message: String) {
    self.place = place
    self.message = message
  }

  /// The error in one line: place and message.
  public var description: String { place.isEmpty ? message : "\(place): \(message)" }
}
