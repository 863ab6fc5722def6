import Hardware
import HostDrivers
import PageTables
import VTd

/// One machine, built from a configuration: memory, a remapping unit, and the driver that programs it.
public final class Machine {
  /// What the machine was built from.
  public let configuration: MachineConfiguration
  /// The remapping unit.
  public let unit: RemappingUnit
  /// The driver of the unit; it has brought the unit up.
  public let driver: VTdDriver
  /// The devices that have device-TLBs.
  public let devices: Devices
  /// The memory; tables and queues are backed, the frames that devices access are not, because a replay moves no data.
  public let memory: PhysicalMemory

  /// The memory that the driver keeps its tables in.
  public var tables: TableMemory { bus.tables }

  private let bus: MachineBus
  @exclusivity(unchecked) private var dataFrames: FrameAllocator

  /// Builds the machine and brings its unit up.
  ///
  /// - Parameters:
  ///   - configuration: What to build; its `problems` must be empty.
  ///   - recordedInvalidations: The driver makes no invalidations of its own.
  ///   - watch: Told of what the driver writes to memory, if somebody wants to know.
  public init(
    _ configuration: MachineConfiguration, recordedInvalidations: Bool = false, watch: WriteWatch? = nil
  ) throws(MachineError) {
    self.configuration = configuration
    if let problem = configuration.problems.first { throw .configuration(key: problem.key, problem: problem.problem) }
    let width = UInt64(configuration.vtd.hostAddressWidth)
    let tables = MemoryRegion(start: Self.tableBase, length: UInt64(configuration.layout.tablesMiB) << 20)
    let tablesEnd = tables.start.advanced(by: tables.length).rawValue
    guard tablesEnd < 1 << width else {
      throw .configuration(key: "vtd.host_address_width", problem: "tables end at 0x\(String(tablesEnd, radix: 16)), beyond the width")
    }
    dataFrames = FrameAllocator(MemoryRegion(start: PhysicalAddress(tablesEnd), length: (1 << width) - tablesEnd))
    do {
      memory = try PhysicalMemory(regions: [tables], isDense: true)
    } catch {
      throw .memory(error)
    }
    do {
      unit = try RemappingUnit(
        identity: configuration.vtd.identity, choices: configuration.vtd.choices,
        parameters: configuration.translation.seeded(configuration.seed), memory: memory.view)
    } catch {
      throw .unit("\(error)")
    }
    devices = Devices(unit, configuration.endpoints)
    var view = memory.view
    if let watch { view = memory.view(watchedBy: watch) }
    bus = MachineBus(unit: unit, devices: devices, memory: view, tables: TableMemory(tables, in: view))
    driver = VTdDriver(bus: bus, configuration: Self.decisions(configuration, recordedInvalidations: recordedInvalidations))
    do {
      try driver.bringUp()
    } catch {
      throw .driver(error)
    }
    deliverInterrupts()
  }

  // Above the interrupt address range and whatever else lies below 4 GiB on real machines.
  private static var tableBase: PhysicalAddress { PhysicalAddress(1 << 32) }

  private static func decisions(_ configuration: MachineConfiguration, recordedInvalidations: Bool) -> VTdDriverConfiguration {
    var decisions = VTdDriverConfiguration()
    switch configuration.stages {
    case .legacy: decisions.mode = .legacy
    case .second, .first, .nested: decisions.mode = .scalable
    case .passThrough: decisions.mode = .automatic
    }
    decisions.hostAddressWidth = Int(configuration.vtd.hostAddressWidth)
    decisions.secondStageLevels = configuration.tableLevels.map { UInt8(clamping: $0) }
    decisions.firstStageLevels = configuration.firstStageLevels.map { UInt8(clamping: $0) }
    decisions.supervisorRequests = configuration.driver.supervisorRequests
    if recordedInvalidations {
      decisions.policy = .recorded
    } else {
      switch configuration.driver.invalidation {
      case .strict: decisions.policy = .strict
      case .lazy:
        decisions.policy = .deferred(batch: Int(configuration.driver.batch), timeout: configuration.driver.flushTimeout)
      }
    }
    return decisions
  }

  /// A block of physical memory for a page that a trace accesses without saying where it is; `nil` if there is none left.
  public func allocateDataFrame(sizeLog2: UInt8) -> PhysicalAddress? { dataFrames.allocate(sizeLog2: sizeLog2) }

  /// Hands the interrupts that the unit has sent to the driver.
  public func deliverInterrupts() {
    while let message = unit.nextMessage() {
      driver.receive(MessageSignalledInterrupt(address: message.address, data: message.data))
    }
  }
}

/// Why a machine cannot be built.
public enum MachineError: Error, CustomStringConvertible {
  /// The configuration asks for what cannot be.
  case configuration(key: String, problem: String)
  /// The memory cannot be had.
  case memory(MemoryError)
  /// The unit's identification registers contradict each other.
  case unit(String)
  /// The driver could not bring the unit up.
  case driver(HostDriverError)

  /// The error in one line.
  public var description: String {
    switch self {
    case .configuration(let key, let problem): "\(key): \(problem)"
    case .memory(let error): "\(error)"
    case .unit(let problem): "vtd: \(problem)"
    case .driver(let error): "driver: \(error)"
    }
  }
}
