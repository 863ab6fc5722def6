import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct CapabilitiesTests {
  @Test("A scalable server's CAP says what the public boot logs of it say")
  func capabilities() {
    let cap = SampleUnit.scalableServer.capabilities
    #expect(cap.domainIDWidth == 16)
    #expect(cap.secondStageWidths == 0b1100)
    #expect(cap.maximumGuestAddressWidth == 57)
    #expect(cap.faultRecordingOffset == 0xEE0)
    #expect(cap.faultRecordingCount == 1)
    #expect(cap.maximumAddressMask == 45)
    #expect(cap.secondStage2M && cap.secondStage1G && cap.firstStage1G && cap.firstStage5Level && cap.pageSelectiveInvalidation)
    #expect(cap.enhancedSetRootTable && cap.enhancedSetInterruptTable && cap.enhancedCommands && cap.postedInterrupts)
    #expect(cap.readDraining && cap.writeDraining && cap.zeroLengthRead && cap.protectedLowMemory && cap.protectedHighMemory)
    #expect(!cap.cachingMode && !cap.requiresWriteBufferFlush && !cap.advancedFaultLogging)
    #expect(cap.largestSecondStageWidth == 3)
  }

  @Test("A scalable server's ECAP says what the public boot logs of it say")
  func extended() {
    let ecap = SampleUnit.scalableServer.extended
    #expect(ecap.iotlbRegisterOffset == 0xEF0)
    #expect(ecap.maximumInterruptIndexMask == 15)
    #expect(ecap.pasidWidth == 20)
    #expect(ecap.coherent && ecap.queuedInvalidation && ecap.deviceTLB && ecap.interruptRemapping && ecap.extendedInterruptMode)
    #expect(ecap.passThrough && ecap.snoopControl && ecap.memoryTypes && ecap.nestedTranslation && ecap.pageRequests)
    #expect(ecap.supervisorRequests && ecap.noWriteFlag && ecap.extendedAccessedFlag && ecap.pasid && ecap.pageRequestDrain)
    #expect(ecap.scalableMode && ecap.secondStageAccessedDirty && ecap.secondStageTranslation && ecap.firstStageTranslation)
    #expect(ecap.scalableModePageWalkCoherency && ecap.requesterPASID && ecap.performanceMonitoring && ecap.abortDMAMode)
    #expect(ecap.requesterPrivilege && ecap.deviceTLBInvalidationThrottle)
    #expect(!ecap.executeRequests && !ecap.virtualCommands && !ecap.hostPermissionTables && !ecap.pasidInTranslatedRequests)
    #expect(!ecap.secondStageIORights && !ecap.stopMarkers && !ecap.extendedInterruptModeRequired && !ecap.interruptRemappingRequired)
  }

  @Test(
    "The width codes that SAGAW allows are supported, others are not",
    arguments: [(0b0010, [1]), (0b0110, [1, 2]), (0b1100, [2, 3]), (0b1_0001, [])] as [(UInt64, [UInt8])])
  func widths(sagaw: UInt64, expected: [UInt8]) {
    let cap = Capabilities(rawValue: sagaw << 8)
    #expect((0...7).filter { cap.supportsSecondStage(width: $0) } == expected)
    #expect(cap.largestSecondStageWidth == expected.max() ?? 0)
  }

  @Test("Consistent units have no findings", arguments: [SampleUnit.legacyServer, SampleUnit.scalableServer, SampleUnit.emulated])
  func consistent(unit: UnitIdentity) { #expect(unit.findings.isEmpty, "\(unit.findings)") }

  @Test(
    "A field that another forces to 0 is a finding",
    arguments: [
      // CAP bits, ECAP bits, the field found
      (0, 1 << 3, "ECAP.IR"), (0, 1 << 2, "ECAP.DT"), (0, 1 << 43, "ECAP.SMTS"), (0, 1 << 4, "ECAP.EIM"), (0, 1 << 20, "ECAP.MHMV"),
      (1 << 59, 0, "CAP.PI"), (0, 1 << 25, "ECAP.MTS"), (0, 1 << 29, "ECAP.PRS"), (0, 1 << 31, "ECAP.SRS"), (0, 1 << 40, "ECAP.PASID"),
      (0, 1 << 47, "ECAP.FSTS"), (0, 1 << 49, "ECAP.RPS"), (0, 1 << 33, "ECAP.NWFS"), (0, 1 << 26, "ECAP.NEST"),
      (1 << 60, 0, "CAP.FS5LP"), (1 << 56, 0, "CAP.FS1GP"), (0, 1 << 45, "ECAP.SSADS"), (0, 1 << 53, "ECAP.RPRIVS"),
      (0, 1 << 56, "ECAP.PTRS"), (0, 1 << 58, "ECAP.SMS"), (0, 1 << 51, "ECAP.PMS"), (0, 1 << 57, "ECAP.SSIRWS"),
      (1 << 35, 0, "CAP.SSLPS"), (1 << 8, 0, "CAP.SAGAW"), (7, 0, "CAP.ND"),
    ] as [(UInt64, UInt64, String)])
  func forced(cap: UInt64, ecap: UInt64, field: String) {
    let unit = SampleUnit.unit(cap: cap | 47 << 16, ecap: ecap)
    #expect(unit.findings.contains { $0.field == field }, "\(unit.findings)")
    #expect(!SampleUnit.unit(cap: 47 << 16, ecap: 0).findings.contains { $0.field == field })
  }

  @Test("A guest width below the host's, and a new unit that cannot drain, are findings")
  func widthsAndDrains() {
    #expect(SampleUnit.unit(cap: 38 << 16, ecap: 0, width: 46).findings.map(\.field) == ["CAP.MGAW"])
    #expect(SampleUnit.unit(cap: 47 << 16, ecap: 0, major: 2).findings.map(\.field) == ["CAP.DRD, CAP.DWD"])
  }
}
