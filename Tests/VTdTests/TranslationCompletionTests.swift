import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// What a device is answered that asks for a translation (VT-d rev 5.10 section 4.2.3 and table 30).
@Suite struct TranslationCompletionTests {
  private static let modes: [TranslationTableMode] = [.legacy, .scalable]
  private static let interrupts = IOVirtualAddress(0xFEE1_2000)
  private static let noWriteFlag: UInt64 = 1 << 33

  /// A machine whose device may ask for translations.
  private func machine(
    _ mode: TranslationTableMode, extended: UInt64 = SampleDataUnit.extended,
    _ change: (inout ImplementationChoices) -> Void = { _ in }
  ) throws -> MachineUnderTest {
    var choices = ImplementationChoices()
    change(&choices)
    let machine = try MachineUnderTest(mode, extended: extended, choices: choices)
    if mode == .legacy { machine.contextEntry.type = .deviceTLB }
    return machine
  }

  @Test("A translation tells address and permissions of the page, 4 KiB without S", arguments: modes)
  func page(mode: TranslationTableMode) throws {
    let machine = try machine(mode)
    for _ in 1...2 {
      let completion = machine.complete(at: MachineUnderTest.page.advanced(by: 0x800))
      #expect(completion == TranslationCompletion(address: MachineUnderTest.target, read: true, write: true))
      #expect(completion.encoded == MachineUnderTest.target.rawValue | 3)
    }
  }

  @Test("The size of a large page is told with S", arguments: [(21, 0x1FF), (30, 0x3FFFF)] as [(UInt8, UInt64)])
  func largePage(sizeLog2: UInt8, mask: UInt64) throws {
    let machine = try machine(.scalable)
    let large = IOVirtualAddress(0x80_0000_0000)
    try machine.builder.map(large, to: PhysicalAddress(0x40_0000_0000), length: 1 << UInt64(sizeLog2), permissions: .read)
    let completion = machine.complete(at: large.advanced(by: 0x12_3000))
    #expect(completion == TranslationCompletion(address: PhysicalAddress(0x40_0000_0000), sizeLog2: sizeLog2, read: true))
    // S, and every address bit up to the size but the highest.
    #expect(completion.encoded == 0x40_0000_0000 | (mask >> 1) << 12 | 1 << 11 | 1)
  }

  @Test("Permissions are what the tables leave; without any the translation is empty, and nothing is recorded", arguments: modes)
  func permissions(mode: TranslationTableMode) throws {
    for rights in 0...3 as ClosedRange<UInt64> {
      let machine = try machine(mode)
      machine[1] = machine[1] & ~3 | rights
      let completion = machine.complete()
      #expect(completion.read == rights[bit: 0] && completion.write == rights[bit: 1])
      #expect(completion.status == .success)
      if rights == 0 { #expect(completion.encoded == 0) }
      #expect(machine.takeFaults().isEmpty)
    }
  }

  @Test("NW withholds write permission from a unit with NWFS, and is ignored by others", arguments: modes, [true, false])
  func noWrite(mode: TranslationTableMode, isSupported: Bool) throws {
    let machine = try machine(mode, extended: SampleDataUnit.extended | (isSupported ? Self.noWriteFlag : 0))
    for isSet in [true, false] {
      let completion = machine.complete(attributes: isSet ? .noWrite : [])
      #expect(completion.read)
      #expect(completion.write == !(isSupported && isSet))
    }
  }

  @Test(
    "A translation that may be used for writing marks the page dirty, if writing is permitted", arguments: [true, false], [true, false])
  func dirty(noWrite: Bool, isWritable: Bool) throws {
    let machine = try machine(.scalable, extended: SampleDataUnit.extended | Self.noWriteFlag)
    machine.changePASIDEntries { $0.secondStageAccessedDirty = true }
    if !isWritable { machine[1] &= ~2 }
    for _ in 1...2 {
      _ = machine.complete(attributes: noWrite ? .noWrite : [])
      #expect(machine[1] & 0x300 == (!noWrite && isWritable ? 0x300 : 0x100))
    }
  }

  @Test("N is SNP of the leaf, or PGSNP of the PASID entry", arguments: [true, false], [true, false])
  func noSnoop(leaf: Bool, entry: Bool) throws {
    let scalable = try machine(.scalable)
    if leaf { scalable[1] |= 1 << 11 }
    if entry { scalable.changePASIDEntries { $0.pageSnoop = true } }
    #expect(scalable.complete().noSnoop == (leaf || entry))
    let legacy = try machine(.legacy)
    if leaf { legacy[1] |= 1 << 11 }
    #expect(legacy.complete().noSnoop == leaf)
    scalable.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    scalable.invalidateEverything()
    #expect(scalable.complete().noSnoop == entry)
  }

  @Test("Pass-through is told in pieces of the largest page, or of 4 KiB if so chosen", arguments: [true, false])
  func passThrough(isLarge: Bool) throws {
    let machine = try machine(.scalable) { $0.largePassThroughTranslations = isLarge }
    machine.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    let completion = machine.complete(at: IOVirtualAddress(0x12_3456_7000))
    #expect(
      completion
        == TranslationCompletion(
          address: PhysicalAddress(isLarge ? 0x12_0000_0000 : 0x12_3456_7000), sizeLog2: isLarge ? 30 : 12, read: true, write: true))
    let beyond = machine.complete(at: IOVirtualAddress(1 << UInt64(MachineUnderTest.hostAddressWidth)))
    #expect(beyond == TranslationCompletion())
    #expect(machine.takeFaults().isEmpty)
  }

  // MARK: Interrupt range

  @Test("The interrupt range may be written untranslated, whatever the tables say; with NW nothing is allowed", arguments: modes)
  func interruptRange(mode: TranslationTableMode) throws {
    let machine = try machine(mode, extended: SampleDataUnit.extended | Self.noWriteFlag)
    // A large page around it, which is cached.
    try machine.builder.map(IOVirtualAddress(0xC000_0000), to: PhysicalAddress(0x40_0000_0000), length: 1 << 30, permissions: .readWrite)
    #expect(machine.complete(at: IOVirtualAddress(0xC000_0000)).read)
    for _ in 1...2 {
      let completion = machine.complete(at: Self.interrupts)
      #expect(completion == TranslationCompletion(address: PhysicalAddress(0xFEE1_2000), write: true, untranslatedOnly: true))
      #expect(machine.complete(at: Self.interrupts, attributes: .noWrite) == TranslationCompletion())
    }
    #expect(machine.takeFaults().isEmpty)
  }

  @Test("Faults of the structures on the way come before the interrupt range's own answer")
  func interruptRangeFaults() throws {
    let legacy = try machine(.legacy)
    legacy.contextEntry.type = .untranslatedOnly
    #expect(legacy.complete(at: Self.interrupts).status == .unsupportedRequest)
    #expect(legacy.takeFaults().map(\.reason) == [.requestBlocked])
    let scalable = try machine(.scalable)
    scalable.changePASIDEntries { $0.stagesCode = 5 }
    #expect(scalable.complete(at: Self.interrupts).status == .completerAbort)
    #expect(scalable.takeFaults().map(\.reason) == [.pasidEntryInvalid])
    scalable.changePASIDEntries { $0.present = false }
    #expect(scalable.complete(at: Self.interrupts) == TranslationCompletion())
    #expect(scalable.takeFaults().isEmpty)
  }

  @Test("A request with PASID for the interrupt range is translated like any other")
  func interruptRangeWithPASID() throws {
    let machine = try machine(.scalable)
    try machine.builder.map(Self.interrupts, to: PhysicalAddress(0x9000), length: 0x1000, permissions: .readWrite)
    let completion = machine.complete(at: Self.interrupts, pasid: MachineUnderTest.pasid)
    #expect(completion == TranslationCompletion(address: PhysicalAddress(0x9000), read: true, write: true))
  }

  @Test(
    "A request with PASID for the interrupt range of a pass-through entry is answered as chosen",
    arguments: ImplementationChoices.PassThroughInterruptRange.allCases)
  func passThroughInterruptRange(choice: ImplementationChoices.PassThroughInterruptRange) throws {
    let machine = try machine(.scalable) { $0.passThroughInterruptRange = choice }
    machine.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    let untranslated = TranslationCompletion(address: PhysicalAddress(0xFEE1_2000), write: true, untranslatedOnly: true)
    #expect(
      machine.complete(at: Self.interrupts, pasid: MachineUnderTest.pasid)
        == (choice == .untranslatedWrite ? untranslated : TranslationCompletion()))
    #expect(machine.complete(at: Self.interrupts) == untranslated)
    #expect(machine.takeFaults().isEmpty)
  }

  @Test("A page that overlaps the interrupt range is not told, and that is recorded", arguments: modes)
  func overlap(mode: TranslationTableMode) throws {
    let machine = try machine(mode)
    let large = IOVirtualAddress(0x80_0000_0000)
    try machine.builder.map(large, to: PhysicalAddress(0xC000_0000), length: 1 << 30, permissions: .readWrite)
    #expect(machine.request(at: large).fault == nil)
    for _ in 1...2 {
      #expect(machine.complete(at: large).status == .completerAbort)
      #expect(machine.takeFaults().map(\.reason) == [mode == .legacy ? .interruptRange : .scalableInterruptRange])
    }
  }

  // MARK: Requests

  @Test("While translation is off a translation request is unsupported, and nothing is recorded")
  func disabled() throws {
    let machine = try machine(.scalable)
    machine.command(.translation, clear: true)
    #expect(machine.complete().status == .unsupportedRequest)
    #expect(machine.takeFaults().isEmpty)
  }

  @Test("A translation request that writes violates the protocol: unsupported, without a record or a read of memory", arguments: modes)
  func write(mode: TranslationTableMode) throws {
    let machine = try machine(mode)
    let request = TranslationRequest(.write, at: MachineUnderTest.page, by: MachineUnderTest.device, kind: .translationRequest)
    #expect(machine.unit.complete(request, at: .zero).status == .unsupportedRequest)
    #expect(machine.takeFaults().isEmpty)
    #expect(machine.unit.memoryReads == 0)
  }

  @Test("Only a translation request is answered with a translation", arguments: [TranslationRequest.Kind.untranslated, .translated])
  func otherKinds(kind: TranslationRequest.Kind) throws {
    let machine = try machine(.scalable)
    let request = TranslationRequest(.read, at: MachineUnderTest.page, by: MachineUnderTest.device, kind: kind)
    #expect(machine.unit.complete(request, at: .zero).status == .unsupportedRequest)
    #expect(machine.unit.memoryReads == 0)
  }

  @Test("Protected memory does not keep translations of it from a device")
  func protectedMemory() throws {
    let machine = try MachineUnderTest(.scalable, capabilities: SampleDataUnit.capabilities | 1 << 6)
    let target = MachineUnderTest.target.alignedDown(21)
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryBase, size: 8, target.rawValue)
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryLimit, size: 8, target.rawValue)
    machine.unit.writeRegister(RegisterOffset.protectedMemoryEnable, size: 4, 1 << 31)
    #expect(machine.complete().read)
    let translated = IOVirtualAddress(MachineUnderTest.target.rawValue)
    #expect(machine.request(at: translated, kind: .translated).fault == TranslationFault(code: 0, isReported: false))
  }

  @Test("Priv is the privilege that the request asks for, even where it is refused")
  func privilege() throws {
    let machine = try machine(.scalable)
    let refused = machine.complete(pasid: MachineUnderTest.pasid, attributes: .privileged)
    #expect(refused == TranslationCompletion(privileged: true))
    #expect(machine.takeFaults().isEmpty)
    #expect(!machine.complete(pasid: MachineUnderTest.pasid).privileged)
    let serving = try self.machine(.scalable, extended: SampleDataUnit.extended | 1 << 31)
    serving.changePASIDEntries { $0.supervisorRequests = true }
    let served = serving.complete(pasid: MachineUnderTest.pasid, attributes: .privileged)
    #expect(served == TranslationCompletion(address: MachineUnderTest.target, read: true, write: true, privileged: true))
    // Without a PASID nobody can ask for it.
    #expect(!serving.complete(attributes: .privileged).privileged)
  }
}
