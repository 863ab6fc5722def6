/// What became of a case.
public struct CaseResult: Sendable {
  /// Why a case is not run.
  public enum SkipReason: Hashable, Sendable, CustomStringConvertible {
    /// What was observed is a known error of the emulator.
    case untrusted
    /// Nothing models cases of this kind.
    case kind

    /// The reason in words.
    public var description: String {
      switch self {
      case .untrusted: "known emulator errors"
      case .kind: "kind not modelled"
      }
    }
  }

  /// A mismatch.
  public struct Failure: Hashable, Sendable {
    /// Where in the case, as in `step 3` or `query 17`.
    public var place: String
    /// What is done there.
    public var action: String
    /// What is right.
    public var expected: String
    /// What the model did.
    public var got: String
    /// The table entries on the way, for whoever wants to see more.
    public var walk: [String] = []
  }

  /// What names the case.
  public var header: CaseHeader
  /// Why it was not run; nil if it was.
  public var skipped: SkipReason?
  /// The mismatches, first to last.
  public var failures: [Failure] = []
  /// The documented deviations by which the case was judged.
  public var deviations: Set<Deviation> = []

  /// Whether the case was run and everything in it was right.
  public var isPassed: Bool { skipped == nil && failures.isEmpty }
}
