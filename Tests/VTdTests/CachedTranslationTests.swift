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
}
