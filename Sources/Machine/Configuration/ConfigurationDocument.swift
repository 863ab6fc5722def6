import Yams

/// One setting: a key, the text of its value, and where it was made.
public struct ConfigurationSetting: Hashable, Sendable {
  /// The key, with its sections, as in `iotlb.entries`.
  public var key: String
  /// The value as it is written.
  public var text: String
  /// Where it stands, as in `machine.yaml:3`.
  public var place: String

  /// A setting of the given key and text.
  public init(key: String, text: String, place: String) {
    self.key = key
    self.text = text
    self.place = place
  }

  /// Reads `key=value`, as it is given to the option `--set`.
  public init(argument: String) throws(ConfigurationError) {
    let place = "--set \(argument)"
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else { throw ConfigurationError(place: place, "expected key=value") }
    self.init(key: String(parts[0]), text: String(parts[1]), place: place)
  }
}

/// A YAML document of settings: keys and values, in sections.
struct ConfigurationDocument {
  /// The settings in the order of the document.
  private(set) var settings: [ConfigurationSetting] = []
  /// What errors call the document.
  private let name: String

  /// Reads a document; `name` is what errors call it.
  init(_ yaml: String, name: String) throws(ConfigurationError) {
    self.name = name
    guard let root = try Self.root(of: yaml, name: name) else { return }
    switch root {
    case .mapping(let mapping): try collect(mapping, section: "")
    case .scalar(let scalar) where scalar.string.isEmpty: break
    default: throw ConfigurationError(place: place(root), "expected settings, each as key: value")
    }
  }

  private static func root(of yaml: String, name: String) throws(ConfigurationError) -> Node? {
    do {
      return try Parser(yaml: yaml).singleRoot()
    } catch let error as YamlError {
      throw ConfigurationError(error, name: name, yaml: yaml)
    } catch {
      throw ConfigurationError(place: name, "\(error)")
    }
  }

  private func place(_ node: Node) -> String { node.mark.map { "\(name):\($0.line)" } ?? name }

  // Unknown keys are refused here and not later: aliases can make a short document unfold into an endless one.
  private mutating func collect(_ mapping: Node.Mapping, section: String) throws(ConfigurationError) {
    for (key, value) in mapping {
      guard let word = key.scalar?.string else { throw ConfigurationError(place: place(key), "expected a key, found a list or a mapping") }
      let full = section.isEmpty ? word : "\(section).\(word)"
      if let members = value.mapping, ConfigurationKeys.isSection(full) {
        try collect(members, section: full)
        continue
      }
      let parameter = try ConfigurationKeys.parameter(full, at: place(key))
      guard let text = value.scalar?.string else {
        throw ConfigurationError(place: place(key), "\(full): expected \(parameter.expectation), found a list or a mapping")
      }
      if let first = settings.first(where: { $0.key == full }) {
        throw ConfigurationError(place: place(key), "\(full) is set twice, first at \(first.place)")
      }
      settings.append(ConfigurationSetting(key: full, text: text, place: place(key)))
    }
  }
}

extension ConfigurationError {
  /// What Yams found wrong with a document.
  fileprivate init(_ error: YamlError, name: String, yaml: String) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      self.init(place: "\(name):\(mark.line)", "not YAML: \(problem)")
    case .reader(let problem, let offset, _, _):
      let line = 1 + yaml.prefix(offset ?? 0).utf8.filter { $0 == 0x0A }.count
      self.init(place: "\(name):\(line)", "not YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      self.init(
        place: "\(name):\(context.mark.line)", "set twice in the section that begins here: \(duplicates.sorted().joined(separator: ", "))")
    default:
      self.init(place: name, "not YAML: \(error)".split(separator: "\n").joined(separator: " "))
    }
  }
}
