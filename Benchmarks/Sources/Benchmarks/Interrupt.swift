import Glibc
import Synchronization

/// An interrupt by the user, which ends the work after the round that is running, so that the traces can be removed.
enum Interrupt {
  fileprivate static let came = Atomic(false)

  /// Whether an interrupt has come.
  static var hasCome: Bool { came.load(ordering: .relaxed) }

  /// From now on notes interrupts and requests to terminate instead of ending the program; the programs it starts are ended as usual.
  static func catchSignals() {
    for number in [SIGINT, SIGTERM] { signal(number) { _ in Interrupt.came.store(true, ordering: .relaxed) } }
  }
}
