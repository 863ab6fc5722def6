import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct QueueErrorTests {
  static let good = InvalidationDescriptor.contextCache(.global).words

  @Test(
    "A descriptor that is not valid stops the queue at it, after those before and before those behind",
    arguments: [(0x0D, 0, 3), (0x01, 0, 3), (0x111, 0, 4), (0x11, 1, 4), (0x26, 0, 3), (0x09, 0, 3)] as [(UInt64, UInt64, UInt64)])
  func descriptor(low: UInt64, high: UInt64, code: UInt64) throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit([Self.good, [low, high], Self.good])
    #expect(unit.head == 0x10)
    #expect(unit.faultStatus == 0x10)
    #expect(unit.queueError == code)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("The upper half of a 256-bit descriptor must be 0")
  func upperHalf() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.queue + 24), 1)
    unit.submit([Self.good])
    #expect(unit.queueError == 4)
  }

  @Test("A queue that nothing backs is a fetch error")
  func fetch() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.invalidationQueueAddress, 0x7000_0000, size: 8)
    unit.command(set: .queuedInvalidation)
    unit.write(RegisterOffset.invalidationQueueTail, 0x10, size: 8)
    #expect(unit.queueError == 2)
    #expect(unit.head == 0)
  }

  @Test("A tail behind the queue is invalid")
  func invalidTail() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.write(RegisterOffset.invalidationQueueTail, 0x1000, size: 8)
    #expect(unit.queueError == 1)
    #expect(unit.faultStatus == 0x10)
    #expect(unit.head == 0)
  }

  @Test("A tail in the middle of a 256-bit descriptor is not aligned")
  func alignment() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.write(RegisterOffset.invalidationQueueTail, 0x30, size: 8)
    #expect(unit.queueError == 6)
    #expect(unit.head == 0)
  }

  @Test("Low bits of the tail are reserved and read 0")
  func tailBits() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.write(RegisterOffset.invalidationQueueTail, 0xF, size: 8)
    #expect(unit.read(RegisterOffset.invalidationQueueTail, size: 8) == 0)
    #expect(unit.faultStatus == 0)
  }

  @Test("Narrow descriptors outside legacy mode, and wide ones in a unit without use for them, have the wrong width")
  func width() throws {
    let scalable = try UnitUnderTest(ecap: SampleUnit.mixedExtended)
    scalable.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: .scalable))
    scalable.enableQueue(wide: false)
    scalable.submit([Self.good])
    #expect(scalable.queueError == 5)
    let legacy = try UnitUnderTest()
    legacy.enableQueue(wide: true)
    legacy.submit([Self.good])
    #expect(legacy.queueError == 5)
  }

  @Test("Narrow descriptors in scalable mode work if chosen")
  func narrow() throws {
    var choices = ImplementationChoices()
    choices.descriptors.acceptsNarrowDescriptors = true
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended, choices: choices)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: .scalable))
    unit.enableQueue(wide: false)
    unit.submit([Self.good])
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("A reserved or unsupported mode leaves no descriptor valid", arguments: [.reserved, .abortDMA] as [TranslationTableMode])
  func mode(mode: TranslationTableMode) throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: mode))
    unit.enableQueue(wide: true)
    unit.submit([Self.good])
    #expect(unit.queueError == 7)
  }

  @Test("In abort-DMA mode the queue works")
  func abortDMA() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: .abortDMA))
    _ = unit.takeInvalidations()
    unit.submit([Self.good])
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("While an error is pending the tail starts nothing; clearing it resumes at the head, which software has corrected")
  func resume() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit([[0x0D, 0]])
    unit.submit([Self.good])
    #expect(unit.takeInvalidations() == [])
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.queue), 0x12)
    unit.write(RegisterOffset.faultStatus, 0x10)
    #expect(unit.takeInvalidations() == [.translations(IOTLBInvalidation(.global)), .contexts(.all)])
    #expect(unit.head == 0x20)
    #expect(unit.faultStatus == 0)
  }

  @Test("Clearing an error without correcting it stops the queue again")
  func uncorrected() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit([[0x0D, 0]])
    unit.write(RegisterOffset.faultStatus, 0x10)
    #expect(unit.faultStatus == 0x10)
    #expect(unit.head == 0)
  }

  @Test("A time-out names its device, stops the queue, and clearing it resumes")
  func timeout() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.recordInvalidationTimeout(of: RequesterID(0x300))
    unit.recordInvalidationTimeout(of: RequesterID(0x400))
    #expect(unit.faultStatus == 0x40)
    #expect(unit.queueError == 0x300 << 32)
    unit.submit([Self.good])
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.faultStatus, 0x40)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("An unexpected completion names its device and leaves the queue running")
  func unexpectedCompletion() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.recordUnexpectedCompletion(from: RequesterID(0x300))
    unit.recordUnexpectedCompletion(from: RequesterID(0x400))
    #expect(unit.faultStatus == 0x20)
    #expect(unit.queueError == 0x300 << 48)
    unit.submit([Self.good])
    #expect(unit.takeInvalidations() == [.contexts(.all)])
    unit.write(RegisterOffset.faultStatus, 0x20)
    #expect(unit.faultStatus == 0)
  }
}
