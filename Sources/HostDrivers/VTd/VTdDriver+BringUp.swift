import Hardware
import PageTables
import VTdArchitecture

extension VTdDriver {
  /// Brings the unit up as an operating system does (VT-d rev 5.10 section 11.4.4.1 and 6.5.2): root table, invalidation queue, global
  /// invalidation, fault event, then translation. A unit that firmware left translating is stopped first.
  public func bringUp() throws(HostDriverError) {
    guard !isRunning else { return }
    try identify()
    for bit in [GlobalCommand.translation, .queuedInvalidation] where status.contains(bit) { try command(bit, on: false) }
    rootTable = try allocate()
    bus.writeRegister64(RegisterOffset.rootTableAddress, RootTableAddress(table: rootTable, mode: mode).rawValue)
    try command(.rootTable, on: true)
    if identity.extended.queuedInvalidation { try enableQueue() }
    // A unit with ESRTPS has invalidated everything by itself.
    if !identity.capabilities.enhancedSetRootTable { try perform(.all) }
    enableFaultEvent()
    if mode == .scalable, identity.extended.pageRequests { try enablePageRequests() }
    try command(.translation, on: true)
    try releaseProtectedMemory()
    isRunning = true
  }

  private func identify() throws(HostDriverError) {
    identity = UnitIdentity(
      version: ArchitectureVersion(rawValue: bus.readRegister32(RegisterOffset.version)),
      capabilities: Capabilities(rawValue: bus.readRegister64(RegisterOffset.capabilities)),
      extended: ExtendedCapabilities(rawValue: bus.readRegister64(RegisterOffset.extendedCapabilities)),
      hostAddressWidth: configuration.hostAddressWidth)
    guard identity.version.major > 0 else { throw .unsupported("a version register that reads 0") }
    let capabilities = identity.capabilities
    let extended = identity.extended
    let canScale = extended.scalableMode && extended.queuedInvalidation
    switch configuration.mode {
    case .automatic:
      let hasStages = extended.secondStageTranslation || extended.firstStageTranslation || extended.passThrough
      mode = canScale && hasStages ? .scalable : .legacy
    case .legacy: mode = .legacy
    case .scalable:
      guard canScale else { throw .unsupported("scalable mode (ECAP.SMTS)") }
      mode = .scalable
    }
    guard extended.queuedInvalidation || identity.version.major < 6 else { throw .unsupported("queued invalidation (ECAP.QI)") }
    let width = configuration.secondStageLevels.map { $0 &- 2 } ?? capabilities.largestSecondStageWidth
    let hasSecondStage = mode == .legacy || extended.secondStageTranslation
    if hasSecondStage, !capabilities.supportsSecondStage(width: width) {
      throw .unsupported("second-stage tables of \(width &+ 2) levels (CAP.SAGAW)")
    }
    let snoopsWalks = mode == .legacy ? extended.coherent : extended.scalableModePageWalkCoherency
    secondStageFormat = VTdSecondStage(
      levels: width &+ 2,
      features: VTdSecondStage.Features(
        hostAddressWidth: UInt8(identity.hostAddressWidth), pages2M: capabilities.secondStage2M, pages1G: capabilities.secondStage1G,
        snoopControl: extended.snoopControl),
      accessedDirty: usesAccessedDirty, coherent: snoopsWalks)
    addressWidth = max(min(secondStageFormat.addressWidth, UInt8(capabilities.maximumGuestAddressWidth)), PageSizeLog2.size1G)
    // In scalable mode pass-through entries share an id that no second-stage domain may use (VT-d rev 5.10 section 6.2.1).
    domainIDs = DomainIDAllocator(width: capabilities.domainIDWidth, reserved: mode == .scalable ? 2 : 1)
  }

  /// SSADE of second-stage PASID entries.
  var usesAccessedDirty: Bool {
    configuration.accessedDirty && mode == .scalable && identity.extended.secondStageAccessedDirty
      && identity.extended.scalableModePageWalkCoherency
  }

  private func enableQueue() throws(HostDriverError) {
    let sizeLog2 = min(configuration.queueSizeLog2, 7)
    let base = try allocate(sizeLog2: PageSizeLog2.size4K + sizeLog2)
    let statusAddress = try allocate()
    // The descriptors of scalable mode have 256 bits (VT-d rev 5.10 table 26).
    let wide = mode == .scalable
    queue = DescriptorQueue(base: base, sizeLog2: sizeLog2, wide: wide, statusAddress: statusAddress)
    bus.writeRegister64(RegisterOffset.invalidationQueueTail, 0)
    bus.writeRegister64(
      RegisterOffset.invalidationQueueAddress, InvalidationQueueAddress(base: base, sizeLog2: sizeLog2, wideDescriptors: wide).rawValue)
    try command(.queuedInvalidation, on: true)
  }

  private func enableFaultEvent() {
    drainFaults()
    unmask(RegisterOffset.faultEventControl, configuration.faultMessage)
  }

  /// Lets the event whose control register is given send a message.
  func unmask(_ control: UInt64, _ message: MessageSignalledInterrupt) {
    bus.writeRegister32(control + RegisterOffset.eventDataDistance, message.data)
    bus.writeRegister32(control + RegisterOffset.eventAddressDistance, UInt32(truncatingIfNeeded: message.address.rawValue))
    bus.writeRegister32(control + RegisterOffset.eventUpperAddressDistance, UInt32(truncatingIfNeeded: message.address.rawValue >> 32))
    // IM = 0; reading back makes sure that the write has arrived.
    bus.writeRegister32(control, 0)
    _ = bus.readRegister32(control)
  }

  // Firmware may have protected memory ranges against all DMA (VT-d rev 5.10 section 11.4.8).
  private func releaseProtectedMemory() throws(HostDriverError) {
    guard identity.capabilities.protectedLowMemory || identity.capabilities.protectedHighMemory else { return }
    let register = RegisterOffset.protectedMemoryEnable
    let value = bus.readRegister32(register)
    guard value[bit: 31] else { return }
    bus.writeRegister32(register, value & ~(1 << 31))
    let bus = bus
    try poll("protected memory regions stay enabled") { !bus.readRegister32(register)[bit: 0] }
  }

  /// GSTS.
  var status: GlobalCommand { GlobalCommand(rawValue: bus.readRegister32(RegisterOffset.globalStatus)) }

  /// Gives one global command and waits until the status shows it: one bit at a time (VT-d rev 5.10 section 11.4.4.1).
  func command(_ bit: GlobalCommand, on: Bool) throws(HostDriverError) {
    let levels = status.intersection(.levels)
    bus.writeRegister32(RegisterOffset.globalCommand, (on ? levels.union(bit) : levels.subtracting(bit)).rawValue)
    // The status of a write-buffer flush is 1 while it lasts; every other follows the command.
    let expected = bit == .writeBufferFlush ? false : on
    try poll("global command 0x\(String(bit.rawValue, radix: 16))") { status.contains(bit) == expected }
  }

  /// Makes sure that the unit sees an entry which became present (VT-d rev 5.10 section 6.8).
  func flushWriteBuffer() throws(HostDriverError) {
    if identity.capabilities.requiresWriteBufferFlush { try command(.writeBufferFlush, on: true) }
  }
}
