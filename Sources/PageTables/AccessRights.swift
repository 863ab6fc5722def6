import Hardware

/// What a walk permits, apart for privileged and unprivileged requests, as bits that accumulate by intersection over the levels.
///
/// Formats without a notion of privilege (VT-d second stage) give both halves the same bits.
@frozen public struct AccessRights: OptionSet, Hashable, Sendable, CustomStringConvertible {
  /// Bits 2:0 privileged read, write, execute; bits 5:3 the same for unprivileged requests.
  public var rawValue: UInt8
  /// The rights with the given bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A privileged request may read.
  @inlinable public static var privilegedRead: AccessRights { AccessRights(rawValue: 1) }
  /// A privileged request may write.
  @inlinable public static var privilegedWrite: AccessRights { AccessRights(rawValue: 2) }
  /// A privileged request may execute.
  @inlinable public static var privilegedExecute: AccessRights { AccessRights(rawValue: 4) }
  /// An unprivileged request may read.
  @inlinable public static var unprivilegedRead: AccessRights { AccessRights(rawValue: 8) }
  /// An unprivileged request may write.
  @inlinable public static var unprivilegedWrite: AccessRights { AccessRights(rawValue: 16) }
  /// An unprivileged request may execute.
  @inlinable public static var unprivilegedExecute: AccessRights { AccessRights(rawValue: 32) }
  /// Everything, for anybody: where an accumulation starts.
  @inlinable public static var all: AccessRights { AccessRights(rawValue: 0x3F) }

  /// Reading and writing, for anybody.
  @inlinable public static var anyReadOrWrite: AccessRights { AccessRights(rawValue: 0x1B) }

  /// The given permissions for privileged and unprivileged requests alike.
  @inlinable public init(both permissions: Permissions) {
    rawValue = permissions.rawValue | (permissions.rawValue &<< 3)
  }

  /// The permissions that requests of one privilege have.
  @inlinable public func permissions(privileged: Bool) -> Permissions {
    Permissions(rawValue: (privileged ? rawValue : rawValue &>> 3) & 7)
  }

  /// The rights where every request counts as privileged.
  @inlinable public var ofPrivileged: AccessRights { AccessRights(both: permissions(privileged: true)) }

  /// What a request demands: permissions for its own privilege only.
  @inlinable public init(demand permissions: Permissions, privileged: Bool) {
    rawValue = privileged ? permissions.rawValue : permissions.rawValue &<< 3
  }

  /// The letters for privileged requests, a slash, the letters for unprivileged ones.
  public var description: String { "\(permissions(privileged: true))/\(permissions(privileged: false))" }
}
