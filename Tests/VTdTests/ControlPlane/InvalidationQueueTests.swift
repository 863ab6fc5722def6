import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct InvalidationQueueTests {
  static let waitForStatus = InvalidationDescriptor.wait(InvalidationWait(status: (PhysicalAddress(UnitUnderTest.status), 0xCAFE)))
  static let pages = PageRange(IOVirtualAddress(0x20_0000), addressMask: 9)

  @Test("In legacy mode descriptors reach the caches in order, with their domains")
  func legacy() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit(
      .contextCache(.device(RequesterID(0x18), functionMask: 1, DomainID(3))), .contextCache(.domain(DomainID(3))), .contextCache(.global),
      .iotlb(IOTLBInvalidation(.pages(DomainID(3), Self.pages, leafOnly: true), drainReads: true)),
      .interruptEntryCache(.index(0x40, indexMask: 2)), Self.waitForStatus)
    #expect(
      unit.takeInvalidations() == [
        .contexts(.requester(RequesterID(0x18), functionMask: 1, domain: DomainID(3))), .contexts(.domain(DomainID(3))), .contexts(.all),
        .translations(IOTLBInvalidation(.pages(DomainID(3), Self.pages, leafOnly: true), drainReads: true)),
        .interruptEntries(.index(0x40, indexMask: 2)),
      ])
    #expect(unit.head == 0x60)
    #expect(unit.faultStatus == 0)
    #expect(unit.statusWord == 0xCAFE)
  }

  @Test("In scalable mode the context cache knows no domains, and PASID descriptors reach the caches")
  func scalable() throws {
    let unit = try UnitUnderTest.scalableQueue(major: 1)
    unit.submit(
      .contextCache(.device(RequesterID(0x18), functionMask: 1, DomainID(3))), .contextCache(.domain(DomainID(3))),
      .pasidCache(.pasid(DomainID(3), PASID(5))), .pasidIOTLB(.pages(DomainID(3), PASID(5), Self.pages, leafOnly: false)),
      .iotlb(IOTLBInvalidation(.global)), Self.waitForStatus)
    #expect(
      unit.takeInvalidations() == [
        .contexts(.requester(RequesterID(0x18), functionMask: 1, domain: nil)), .contexts(.all), .pasids(.pasid(DomainID(3), PASID(5))),
        .addressSpace(.pages(DomainID(3), PASID(5), Self.pages, leafOnly: false)), .translations(IOTLBInvalidation(.global)),
      ])
    #expect(unit.head == 0xC0)
    #expect(unit.statusWord == 0xCAFE)
  }

  @Test("Since major version 2 every IOTLB invalidation drains", arguments: [(1, false), (2, true)] as [(UInt8, Bool)])
  func drain(major: UInt8, drains: Bool) throws {
    let unit = try UnitUnderTest(major: major)
    unit.enableQueue(wide: false)
    unit.submit(.iotlb(IOTLBInvalidation(.global)))
    #expect(unit.takeInvalidations() == [.translations(IOTLBInvalidation(.global, drainReads: drains, drainWrites: drains))])
  }

  @Test("The queue wraps at its end", arguments: [(false, 0), (true, 0), (false, 1)] as [(Bool, UInt8)])
  func wrap(wide: Bool, sizeLog2: UInt8) throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended)
    unit.enableQueue(wide: wide, sizeLog2: sizeLog2)
    let capacity = (4096 << Int(sizeLog2)) / (wide ? 32 : 16)
    for _ in 0..<3 {
      unit.submit([SIMD2<UInt64>](repeating: InvalidationDescriptor.contextCache(.global).words, count: capacity - 1))
      #expect(unit.takeInvalidations().count == capacity - 1)
      #expect(unit.head == unit.read(RegisterOffset.invalidationQueueTail, size: 8))
    }
    #expect(unit.faultStatus == 0)
  }

  @Test("Nothing runs before the queue is enabled; what waits then runs at once")
  func enable() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.invalidationQueueAddress, UnitUnderTest.queue, size: 8)
    unit.submit(.contextCache(.global))
    #expect(unit.takeInvalidations() == [])
    #expect(unit.head == 0)
    unit.command(set: .queuedInvalidation)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
    #expect(unit.head == 0x10)
    #expect(unit.translation.queueIsEnabled)
  }

  @Test("Disabling the queue resets its head")
  func disable() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit(.contextCache(.global), Self.waitForStatus)
    #expect(unit.head == 0x20)
    unit.command(clear: .queuedInvalidation)
    #expect(unit.head == 0)
    #expect(unit.status == [])
    unit.submit(.contextCache(.global))
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("The queue runs whether or not translation is enabled, and a tail equal to the head starts nothing")
  func independent() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.write(RegisterOffset.invalidationQueueTail, 0, size: 8)
    #expect(unit.takeInvalidations() == [])
    unit.command(set: .translation)
    unit.submit(.contextCache(.global))
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("The tail can be written in two halves")
  func halves() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.queue), 0x11)
    unit.write(RegisterOffset.invalidationQueueTail + 4, 0)
    unit.write(RegisterOffset.invalidationQueueTail, 0x10)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("A wait descriptor writes its status, and only 32 bits of it")
  func statusWrite() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.status), .max)
    unit.submit(Self.waitForStatus)
    #expect(unit.memory.view.read64(PhysicalAddress(UnitUnderTest.status)) == 0xFFFF_FFFF_0000_CAFE)
    #expect(unit.read(RegisterOffset.invalidationCompletionStatus) == 0)
  }

  @Test("A fence lets what follows run")
  func fence() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit(.wait(InvalidationWait(fence: true)), .contextCache(.global))
    #expect(unit.takeInvalidations() == [.contexts(.all)])
    #expect(unit.head == 0x20)
  }

  @Test("A status address that nothing backs is written to no one, and the queue goes on")
  func statusHole() throws {
    let unit = try UnitUnderTest.legacyQueue()
    unit.submit(.wait(InvalidationWait(status: (PhysicalAddress(0x7000_0000), 1))), .contextCache(.global))
    #expect(unit.head == 0x20)
    #expect(unit.faultStatus == 0)
  }

  @Test("An address mask above MAMV does as chosen", arguments: ImplementationChoices.ExcessiveAddressMask.allCases)
  func excessiveMask(choice: ImplementationChoices.ExcessiveAddressMask) throws {
    var choices = ImplementationChoices()
    choices.excessiveAddressMask = choice
    let unit = try UnitUnderTest.legacyQueue(choices: choices)
    let wide = PageRange(IOVirtualAddress(0), addressMask: 19)
    unit.submit(.iotlb(IOTLBInvalidation(.pages(DomainID(3), wide, leafOnly: false))))
    switch choice {
    case .domain: #expect(unit.takeInvalidations() == [.translations(IOTLBInvalidation(.domain(DomainID(3))))])
    case .pages: #expect(unit.takeInvalidations() == [.translations(IOTLBInvalidation(.pages(DomainID(3), wide, leafOnly: false)))])
    case .invalidDescriptor:
      #expect(unit.takeInvalidations() == [])
      #expect(unit.queueError == 3)
      #expect(unit.head == 0)
    }
  }

  @Test("PASID-based page invalidations take any address mask")
  func pasidMask() throws {
    let unit = try UnitUnderTest.scalableQueue()
    let request = PASIDIOTLBInvalidation.pages(DomainID(1), PASID(1), PageRange(IOVirtualAddress(0), addressMask: 63), leafOnly: false)
    unit.submit(.pasidIOTLB(request))
    #expect(unit.takeInvalidations() == [.addressSpace(request)])
  }

  @Test("A queue that software shrinks under its head stays within its bounds")
  func shrunk() throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended)
    unit.enableQueue(wide: false, sizeLog2: 2)
    unit.submit([SIMD2<UInt64>](repeating: InvalidationDescriptor.contextCache(.global).words, count: 0x211))
    #expect(unit.head == 0x2110)
    unit.write(RegisterOffset.invalidationQueueAddress, UnitUnderTest.queue | 0x800, size: 8)
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.queue + 0x110), 0)
    unit.write(RegisterOffset.invalidationQueueTail, 0x120, size: 8)
    #expect(unit.head == 0x120)
  }
}
