import Hardware
import Translation
import VTd
import VTdArchitecture

@testable import Conformance

/// Machines whose answers a test changes on the way to the runner.
struct AlteredModels: CaseMachineFactory {
  var models = IOMMUModels()
  var access: (CaseRequest, CaseOutcome, MemoryView) -> CaseOutcome = { _, outcome, _ in outcome }
  var register: (UInt64, UInt64) -> UInt64 = { $1 }
  var table: (CaseOutcome) -> CaseOutcome = { $0 }
  var honoursSnoop = false

  func makeMachine(_ identity: UnitIdentity, updatesWithoutSnoop: Bool, memory: MemoryView) throws -> any CaseMachine {
    let machine = try models.makeMachine(identity, updatesWithoutSnoop: updatesWithoutSnoop && !honoursSnoop, memory: memory)
    return AlteredMachine(machine, memory, self)
  }

  func walk(_ table: BareTable, for address: IOVirtualAddress, kind: AccessKind, in memory: MemoryView) -> CaseOutcome {
    self.table(models.walk(table, for: address, kind: kind, in: memory))
  }
}

extension AlteredModels {
  /// Every access is blocked with this code, and so it is recorded.
  static func blocking(_ code: UInt8) -> AlteredModels {
    AlteredModels(
      access: { _, _, _ in .blocked(CaseBlock(reason: FaultReason(code))) },
      register: { offset, value in offset == 0x228 ? value & ~(0xFF << 32) | UInt64(code) << 32 : value })
  }

  /// Every access goes through to the page, and no fault is ever recorded: what the emulator does where it checks nothing.
  static func passing(to page: PhysicalAddress = SmallCase.page) -> AlteredModels {
    AlteredModels(
      access: { request, _, memory in
        if case .write(let data) = request.transfer { memory.writeBytes(page, data) }
        return .completed(CaseTranslation(pieces: [page], data: request.kind == .read ? memory.readBytes(page, count: 4) ?? [] : []))
      },
      register: { offset, value in [0x34, 0x220, 0x228].contains(offset) ? 0 : value })
  }

  /// After every access an entry holds something else.
  static func leaving(_ entry: UInt64, at place: UInt64) -> AlteredModels {
    AlteredModels(access: { _, outcome, memory in
      memory.write64(PhysicalAddress(place), entry)
      return outcome
    })
  }

  /// One register shows something else.
  static func showing(_ offset: UInt64, _ change: @escaping (UInt64) -> UInt64) -> AlteredModels {
    AlteredModels(register: { $0 == offset ? change($1) : $1 })
  }

  /// The model with other choices.
  static func choosing(_ change: (inout IOMMUModels) -> Void) -> AlteredModels {
    var models = IOMMUModels()
    change(&models)
    return AlteredModels(models: models)
  }

  /// The model with caches of one entry, which keep nothing that a test could find old.
  static var forgetful: AlteredModels {
    choosing { models in
      let single = CacheGeometry(entries: 1, ways: 1)
      models.vtdParameters.iotlb.geometry = single
      models.vtdParameters.contextCache.geometry = single
      models.vtdParameters.pasidCache.geometry = single
      models.vtdParameters.pagingStructureCaches = .none
    }
  }
}

final class AlteredMachine: CaseMachine {
  private let machine: any CaseMachine
  private let memory: MemoryView
  private let changes: AlteredModels

  init(_ machine: any CaseMachine, _ memory: MemoryView, _ changes: AlteredModels) {
    self.machine = machine
    self.memory = memory
    self.changes = changes
  }

  func readRegister(at offset: UInt64, size: Int) -> UInt64 { changes.register(offset, machine.readRegister(at: offset, size: size)) }
  func writeRegister(at offset: UInt64, size: Int, value: UInt64) { machine.writeRegister(at: offset, size: size, value: value) }
  func settle() { machine.settle() }
  func access(_ request: CaseRequest) -> CaseOutcome { changes.access(request, machine.access(request), memory) }
}
