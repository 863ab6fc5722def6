import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// A request must get the same answer whether or not its page was translated before for another request.
@Suite struct CachedTranslationTests {
  /// What a request gets from a machine that has translated nothing, and from one that has translated its page for a read before.
  private func answers(
    _ mode: TranslationTableMode, prepare: (MachineUnderTest) -> Void = { _ in }, warmUp: (MachineUnderTest) -> Void = { _ in },
    request: (MachineUnderTest) -> TranslationResponse
  ) throws -> (cold: TranslationResponse, warm: TranslationResponse) {
    let cold = try MachineUnderTest(mode)
    let warm = try MachineUnderTest(mode)
    prepare(cold)
    prepare(warm)
    #expect(warm.request().fault == nil)
    if mode != .legacy { #expect(warm.request(pasid: MachineUnderTest.pasid).fault == nil) }
    warmUp(warm)
    return (request(cold), request(warm))
  }

  @Test(
    "Translation and translated requests are blocked by the translation type",
    arguments: [TranslationRequest.Kind.translationRequest, .translated])
  func blockedByType(kind: TranslationRequest.Kind) throws {
    let (cold, warm) = try answers(.legacy) { $0.request(kind: kind) }
    #expect(cold.fault?.code == 0x0D)
    #expect(warm.fault?.code == 0x0D)
  }

  @Test("Translation and translated requests need DTE", arguments: [TranslationRequest.Kind.translationRequest, .translated])
  func deviceTLBNotEnabled(kind: TranslationRequest.Kind) throws {
    let (cold, warm) = try answers(.scalable, prepare: { $0.scalableContextEntry.deviceTLBEnabled = false }) { $0.request(kind: kind) }
    #expect(cold.fault?.code == 0x44)
    #expect(warm.fault?.code == 0x44)
  }

  @Test("A translated address is not translated again", arguments: [TranslationTableMode.legacy, .scalable])
  func translatedAddress(mode: TranslationTableMode) throws {
    // An address that is below the host address width, and is mapped elsewhere.
    let address = IOVirtualAddress(0x5000)
    let (cold, warm) = try answers(
      mode,
      prepare: { machine in
        if mode == .legacy { machine.contextEntry.type = .deviceTLB }
        try? machine.builder.map(address, to: PhysicalAddress(0x9000), length: 0x1000, permissions: .readWrite)
      },
      warmUp: { #expect($0.request(at: address).address == PhysicalAddress(0x9000)) },
      request: { $0.request(at: address, kind: .translated) })
    #expect(cold.address == PhysicalAddress(0x5000))
    #expect(warm.address == PhysicalAddress(0x5000))
  }

  @Test("An execute request faults 5Ch")
  func execute() throws {
    let (cold, warm) = try answers(.scalable) { $0.request(pasid: MachineUnderTest.pasid, attributes: .execute) }
    #expect(cold.fault?.code == 0x5C)
    #expect(warm.fault?.code == 0x5C)
  }

  @Test("A supervisor request faults 5Dh where these are not enabled")
  func supervisor() throws {
    let (cold, warm) = try answers(.scalable) { $0.request(pasid: MachineUnderTest.pasid, attributes: .privileged) }
    #expect(cold.fault?.code == 0x5D)
    #expect(warm.fault?.code == 0x5D)
  }

  @Test("An address that pass-through refuses is refused after others have passed", arguments: [TranslationTableMode.legacy, .scalable])
  func passThrough(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    let pasid = mode == .legacy ? nil : MachineUnderTest.pasid
    if mode == .legacy {
      machine.contextEntry.type = .passThrough
    } else {
      machine.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    }
    let beyond = IOVirtualAddress(1 << UInt64(MachineUnderTest.hostAddressWidth))
    #expect(machine.request(at: IOVirtualAddress(0x5000), pasid: pasid).fault == nil)
    #expect(machine.request(at: beyond, pasid: pasid).fault?.code == (mode == .legacy ? 0x04 : 0x83))
    #expect(machine.request(at: IOVirtualAddress(0x6000), pasid: pasid).fault == nil)
    if mode != .legacy { #expect(machine.request(at: IOVirtualAddress(0xFEE0_0000), pasid: pasid).fault?.code == 0x87) }
  }

  @Test("An address beyond the tables' width is refused after others were translated", arguments: [TranslationTableMode.legacy, .scalable])
  func beyondWidth(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    #expect(machine.request().fault == nil)
    #expect(machine.request(at: IOVirtualAddress(MachineUnderTest.page.rawValue | 1 << 48)).fault?.code == (mode == .legacy ? 0x04 : 0x84))
  }
}
