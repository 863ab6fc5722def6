import Hardware
import VTdArchitecture

extension ControlPlane {
  /// Executes what GCMD now holds (VT-d rev 5.10 section 11.4.4.1): every one-shot bit that is 1, and every level that differs from GSTS.
  ///
  /// Software changes one bit at a time. If it does not, pointers are latched before what uses them is enabled.
  mutating func executeGlobalCommand<Receiver: InvalidationReceiver & ~Copyable>(caches: inout Receiver) {
    let command = GlobalCommand(rawValue: registers[dword: RegisterOffset.globalCommand])
    var status = GlobalCommand(rawValue: registers[dword: RegisterOffset.globalStatus])
    let before = status

    if command.contains(.rootTable) {
      status.insert(.rootTable)
      state.rootTable = RootTableAddress(rawValue: registers[qword: RegisterOffset.rootTableAddress])
      if identity.capabilities.enhancedSetRootTable { caches.invalidate(.everything) }
    }
    if command.contains(.interruptTable) {
      status.insert(.interruptTable)
      state.interruptTable = InterruptTableAddress(rawValue: registers[qword: RegisterOffset.interruptRemappingTableAddress])
      if identity.capabilities.enhancedSetInterruptTable { caches.invalidate(.interruptEntries(.global)) }
    }

    // A write-buffer flush ends within the write that starts it, and advanced fault logging does not exist: their statuses stay 0.
    let levels: GlobalCommand = [.translation, .queuedInvalidation, .interruptRemapping, .compatibilityInterrupts]
    status = status.subtracting(levels).union(command.intersection(levels))
    registers[dword: RegisterOffset.globalStatus] = status.rawValue
    state.isEnabled = status.contains(.translation)
    state.queueIsEnabled = status.contains(.queuedInvalidation)
    state.remapsInterrupts = status.contains(.interruptRemapping)
    state.passesCompatibilityInterrupts = status.contains(.compatibilityInterrupts)
    state.generation &+= 1

    let disabled = before.subtracting(status)
    if disabled.contains(.translation), identity.extended.scalableMode { caches.invalidate(.everything) }
    if disabled.contains(.interruptRemapping), identity.capabilities.enhancedSetInterruptTable {
      caches.invalidate(.interruptEntries(.global))
    }
    if disabled.contains(.queuedInvalidation) { registers[qword: RegisterOffset.invalidationQueueHead] = 0 }
    if !state.isEnabled, !state.remapsInterrupts { nextFaultRecord = 0 }
    if !before.contains(.queuedInvalidation) { processQueue(caches: &caches) }
  }

  /// Lets PMEN take effect (VT-d rev 5.10 section 11.4.8): the status follows the command at once.
  mutating func updateProtectedMemory() {
    let isEnabled = registers[dword: RegisterOffset.protectedMemoryEnable][bit: 31]
    registers[dword: RegisterOffset.protectedMemoryEnable][bit: 0] = isEnabled
    var memory = ProtectedMemory()
    if isEnabled {
      // The alignment bits of a limit, which read 0, count as 1.
      let alignment = UInt64.mask(width: Registers.protectedMemoryAlignmentLog2)
      if identity.capabilities.protectedLowMemory {
        memory.lowBase = PhysicalAddress(UInt64(registers[dword: RegisterOffset.protectedLowMemoryBase]))
        memory.lowLast = PhysicalAddress(UInt64(registers[dword: RegisterOffset.protectedLowMemoryLimit]) | alignment)
      }
      if identity.capabilities.protectedHighMemory {
        memory.highBase = PhysicalAddress(registers[qword: RegisterOffset.protectedHighMemoryBase])
        memory.highLast = PhysicalAddress(registers[qword: RegisterOffset.protectedHighMemoryLimit] | alignment)
      }
    }
    state.protectedMemory = memory
    state.generation &+= 1
  }
}
