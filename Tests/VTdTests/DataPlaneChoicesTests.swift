import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// What the unit does with requests where the specification leaves a choice.
@Suite struct DataPlaneChoicesTests {
  private static let modes: [TranslationTableMode] = [.legacy, .scalable]

  private func choices(_ change: (inout ImplementationChoices) -> Void) -> ImplementationChoices {
    var choices = ImplementationChoices()
    change(&choices)
    return choices
  }

  @Test("An output in the interrupt range wins over lacking permission as chosen, cached or not", arguments: modes, [true, false])
  func interruptRange(mode: TranslationTableMode, rangeFirst: Bool) throws {
    let machine = try MachineUnderTest(mode, choices: choices { $0.interruptRangeBeforePermission = rangeFirst })
    // A large page around the range that can only be read.
    let large = IOVirtualAddress(0x80_0000_0000)
    try machine.builder.map(large, to: PhysicalAddress(0xC000_0000), length: 1 << 30, permissions: .read)
    let expected: UInt16 = mode == .legacy ? (rangeFirst ? 0x0E : 0x05) : rangeFirst ? 0x87 : 0x85
    #expect(machine.request(.write, at: large.advanced(by: 0x3EE0_0000)).fault?.code == expected)
    #expect(machine.request(.read, at: large).fault == nil)
    let cached = machine.request(.write, at: large.advanced(by: 0x3EE0_0000))
    #expect(cached.outcome == .hit)
    #expect(cached.fault?.code == expected)
    #expect(machine.request(.read, at: large.advanced(by: 0x3EE0_0000)).fault?.code == (mode == .legacy ? 0x0E : 0x87))
    #expect(machine.request(.write, at: large).fault?.code == (mode == .legacy ? 0x05 : 0x85))
  }

  @Test("A denial by a cached translation stands, or is looked into, as chosen", arguments: modes, [true, false])
  func rewalk(mode: TranslationTableMode, rewalks: Bool) throws {
    let machine = try MachineUnderTest(mode, choices: choices { $0.rewalksOnDenial = rewalks })
    machine[1] &= ~2
    #expect(machine.request(.read).fault == nil)
    #expect(machine.request(.write).fault?.code == (mode == .legacy ? 0x05 : 0x85))
    machine[1] |= 2
    let widened = machine.request(.write)
    #expect(widened.outcome == (rewalks ? .miss : .hit))
    #expect(widened.fault?.code == (rewalks ? nil : mode == .legacy ? 0x05 : 0x85))
    #expect(machine.request(.read).outcome == .hit)
  }

  @Test("An AtomicOp that lacks both permissions of a page reports the one chosen", arguments: modes, [true, false])
  func atomicOrder(mode: TranslationTableMode, writeFirst: Bool) throws {
    let machine = try MachineUnderTest(mode, choices: choices { $0.atomicReportsWriteFirst = writeFirst })
    // Rights lost in the accumulation are 79h in scalable mode, whichever is missing; so is a page with neither.
    machine[3] &= ~1
    machine[1] &= ~2
    let expected: UInt16 = mode == .legacy ? (writeFirst ? 0x05 : 0x06) : 0x79
    #expect(machine.request(.atomic).fault?.code == expected)
    machine.repair()
    machine[1] &= ~1
    #expect(machine.request(.atomic).fault?.code == (mode == .legacy ? 0x06 : 0x86))
  }

  @Test("The half of a root entry that is not used is checked as chosen", arguments: [true, false])
  func rootHalves(checksBoth: Bool) throws {
    let machine = try MachineUnderTest(.scalable, choices: choices { $0.checksBothRootHalves = checksBoth })
    let lower = machine.rootTable.advanced(by: UInt64(MachineUnderTest.device.bus) * 16)
    machine.memory.write64(lower, 0x1005)
    #expect(machine.request().fault?.code == (checksBoth ? 0x3A : nil))
    // A half that is not present holds no reserved bits.
    machine.memory.write64(lower, 0x1004)
    machine.invalidateEverything()
    #expect(machine.request().fault == nil)
  }

  @Test("Faults of the request win over an unsupported translation type as chosen", arguments: [true, false])
  func requestFaults(requestFirst: Bool) throws {
    let machine = try MachineUnderTest(.scalable, choices: choices { $0.requestFaultsBeforeEntryType = requestFirst })
    machine.changePASIDEntries { $0.stagesCode = 5 }
    let pasid = MachineUnderTest.pasid
    #expect(machine.request(pasid: pasid, attributes: .execute).fault?.code == (requestFirst ? 0x5C : 0x5B))
    #expect(machine.request(pasid: pasid, attributes: .privileged).fault?.code == (requestFirst ? 0x5D : 0x5B))
    #expect(machine.request(pasid: pasid).fault?.code == 0x5B)
  }

  @Test("Protected memory blocks requests that are remapped as chosen, and others always", arguments: [true, false])
  func protectedMemory(blocksRemapped: Bool) throws {
    let machine = try MachineUnderTest(
      .legacy, capabilities: SampleDataUnit.capabilities | 1 << 6,
      choices: choices { $0.protectedMemoryBlocksRemapped = blocksRemapped })
    let target = MachineUnderTest.target
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryBase, size: 8, target.alignedDown(21).rawValue)
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryLimit, size: 8, target.alignedDown(21).rawValue)
    machine.unit.writeRegister(RegisterOffset.protectedMemoryEnable, size: 4, 1 << 31)
    #expect((machine.request().fault == nil) == !blocksRemapped)
    machine.command(.translation, clear: true)
    #expect(machine.request(at: IOVirtualAddress(target.rawValue)).fault == TranslationFault(code: 0, isReported: false))
    machine.command(.translation)
    #expect((machine.request().fault == nil) == !blocksRemapped)
  }

  @Test("A zero-length read of a page that can only be written is permitted with ZLR, cached or not", arguments: modes, [true, false])
  func zeroLengthRead(mode: TranslationTableMode, isSupported: Bool) throws {
    let capabilities = isSupported ? SampleDataUnit.capabilities : SampleDataUnit.capabilities & ~(1 << 22)
    let machine = try MachineUnderTest(mode, capabilities: capabilities)
    machine[1] &= ~1
    for _ in 1...2 {
      let response = machine.request(.read, length: 0, attributes: .zeroLength)
      #expect(response.fault?.code == (isSupported ? nil : mode == .legacy ? 0x06 : 0x86))
      #expect(machine.request(.write).fault == nil)
    }
  }

  @Test("A request with RID_PASID hits what requests without PASID have cached as chosen, and faults otherwise", arguments: [true, false])
  func requesterEntries(hits: Bool) throws {
    let machine = try MachineUnderTest(.scalable, choices: choices { $0.pasidRequestsHitRequesterEntries = hits })
    let pasid = MachineUnderTest.requesterPASID
    #expect(machine.request(pasid: pasid).fault?.code == 0x48)
    machine.request()
    let response = machine.request(pasid: pasid)
    #expect(response.fault?.code == (hits ? nil : 0x48))
    if hits { #expect(response.outcome == .hit && response.address == MachineUnderTest.target) }
    // Another PASID has entries of its own.
    #expect(machine.request(pasid: MachineUnderTest.pasid).outcome == .miss)
    machine.submit(.iotlb(IOTLBInvalidation(.global)))
    #expect(machine.request(pasid: pasid).fault?.code == 0x48)
  }

  @Test(
    "Bit 62 of a leaf is a hint in revision 3 if so chosen and with device-TLBs, and reserved otherwise", arguments: modes, [true, false])
  func transientMapping(mode: TranslationTableMode, isHint: Bool) throws {
    for revision in RevisionProfile.allCases {
      for hasDeviceTLB in [true, false] {
        let extended = SampleDataUnit.extended & ~(hasDeviceTLB ? 0 : 1 << 2 | 1 << 29)
        let machine = try MachineUnderTest(
          mode, extended: extended,
          choices: choices {
            $0.transientMapping = isHint
            $0.revision = revision
          })
        if mode != .legacy { machine.scalableContextEntry.deviceTLBEnabled = false }
        machine[1] |= 1 << 62
        let isTaken = isHint && revision == .revision3 && hasDeviceTLB
        #expect(machine.request().fault?.code == (isTaken ? nil : mode == .legacy ? 0x0C : 0x7A))
      }
    }
  }
}
