import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct GlobalCommandTests {
  @Test("The level and one-shot bits are those of the specification, and no bit is both")
  func kinds() {
    #expect(GlobalCommand.levels.rawValue == 0x9680_0000)
    #expect(GlobalCommand.oneShots.rawValue == 0x6900_0000)
  }

  @Test("RTADDR holds table, mode and I/O rights", arguments: TranslationTableMode.allCases)
  func rootTable(mode: TranslationTableMode) {
    let root = RootTableAddress(table: PhysicalAddress(0x12_3456_7FFF), mode: mode, secondStageIORights: mode == .scalable)
    #expect(root.rawValue == 0x12_3456_7000 | UInt64(mode.rawValue) << 10 | (mode == .scalable ? 0x80 : 0))
    #expect(root.mode == mode)
    #expect(root.table == PhysicalAddress(0x12_3456_7000))
    #expect(root.secondStageIORights == (mode == .scalable))
  }

  @Test("A mode is supported if the unit has it", arguments: [(0, [0]), (1 << 43, [0, 1]), (1 << 52, [0, 3])] as [(UInt64, [UInt8])])
  func support(ecap: UInt64, expected: [UInt8]) {
    let extended = ExtendedCapabilities(rawValue: ecap)
    #expect(TranslationTableMode.allCases.filter { $0.isSupported(by: extended) }.map(\.rawValue) == expected)
  }

  @Test("IQA gives base, width and size", arguments: [(0, 4096), (7, 524_288)] as [(UInt8, UInt64)])
  func queue(sizeLog2: UInt8, bytes: UInt64) {
    let queue = InvalidationQueueAddress(base: PhysicalAddress(0x5000), sizeLog2: sizeLog2, wideDescriptors: true)
    #expect(queue.rawValue == 0x5800 | UInt64(sizeLog2))
    #expect(queue.byteCount == bytes)
    #expect(queue.descriptorByteCount == 32)
    #expect(queue.base == PhysicalAddress(0x5000))
  }

  @Test("IRTA gives base, mode and number of entries")
  func interrupts() {
    let table = InterruptTableAddress(table: PhysicalAddress(0x7000), sizeLog2: 15, extendedMode: true)
    #expect(table.rawValue == 0x780F)
    #expect(table.entryCount == 65536)
    #expect(InterruptTableAddress(rawValue: 0).entryCount == 2)
  }
}
