/// Which stage's entry ended a walk.
@frozen public enum FailingStage: UInt8, Sendable, Hashable {
  /// The first stage.
  case first
  /// The second stage: alone, or under a first one for the page that the first stage found.
  case second
  /// The second stage, while it translated the address of a first-stage table.
  case secondForTable
}

/// Why a walk did not end in a translation: all that naming the fault takes.
@frozen public struct WalkFailure: BitwiseCopyable, Hashable, Sendable {
  /// How the walk ended.
  public var status: WalkStatus
  /// Whose entry ended it.
  public var stage: FailingStage
  /// The entry is one of the table at the root of its stage; if the second stage withholds a right on a first-stage table
  /// (`tableNotReadable`, `tableNotWritable`), that table is the first stage's root.
  public var isTopEntry: Bool
  /// The rights that the walk's entries left: those of the failing stage, or for the page of a nested walk those of both.
  public var rights: AccessRights

  /// A failure.
  @inlinable public init(status: WalkStatus, stage: FailingStage, isTopEntry: Bool, rights: AccessRights) {
    self.status = status
    self.stage = stage
    self.isTopEntry = isTopEntry
    self.rights = rights
  }
}

extension Walk {
  /// Why this walk of a single stage failed.
  ///
  /// - Parameters:
  ///   - stage: The stage that was walked.
  ///   - rootLevel: The level of its root.
  @inlinable public func failure(stage: FailingStage, rootLevel: UInt8) -> WalkFailure {
    WalkFailure(status: status, stage: stage, isTopEntry: level == rootLevel, rights: rights)
  }
}
