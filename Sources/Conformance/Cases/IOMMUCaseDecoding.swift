import Hardware
import VTdArchitecture

extension IOMMUCase {
  init(_ object: CaseObject, _ header: CaseHeader) throws(CaseDefect) {
    self.header = header
    notes = []
    if object.contains("notes") {
      for note in try object.array("notes") { notes.append("\(note)") }
    }
    let configuration = try object.object("config")
    let identification = try configuration.object("ident")
    let capabilities = Capabilities(rawValue: try identification.hexadecimal("CAP"))
    let extended = ExtendedCapabilities(rawValue: try identification.hexadecimal("ECAP"))
    identity = UnitIdentity(
      version: ArchitectureVersion(rawValue: UInt32(truncatingIfNeeded: try identification.hexadecimal("VER"))),
      capabilities: capabilities, extended: extended,
      // The observed machine takes its host address width to be its guest address width.
      hostAddressWidth: capabilities.maximumGuestAddressWidth)
    let options = try configuration.optional("iommu_options", configuration.string)?.split(separator: ",") ?? []
    hasTransientMapping = options.contains("stale-tm=on") && extended.deviceTLB
    regions = try Self.regions(try configuration.string("ram"), at: configuration.place(of: "ram"))
    memory = []
    for block in try object.objects("memory") { memory.append(try MemoryWords(block, "u64", block)) }
    setUp = []
    for write in try object.objects("mmio_writes") { setUp.append(try RegisterWrite(write)) }
    steps = []
    for step in try object.objects("steps") { steps.append(try Step(step)) }
  }

  /// Ranges of memory as in `0x0-0x7fffffff,0x100000000-0x13fffffff`.
  private static func regions(_ text: String, at place: String) throws(CaseDefect) -> [MemoryRegion] {
    var regions: [MemoryRegion] = []
    for range in text.split(separator: ",") {
      let ends = range.split(separator: "-").map { $0.hasPrefix("0x") ? UInt64($0.dropFirst(2), radix: 16) : nil }
      guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last < 1 << 52 else {
        throw CaseDefect(place, expected: "ranges of memory as in 0x0-0x7fffffff", found: String(range))
      }
      regions.append(MemoryRegion(start: PhysicalAddress(first), length: last - first + 1))
    }
    return regions
  }
}

extension IOMMUCase.MemoryWords {
  /// The words that `values` names by `key`, at the address that `object` names.
  init(_ object: CaseObject, _ key: String, _ values: CaseObject) throws(CaseDefect) {
    address = PhysicalAddress(try object.hexadecimal("addr"))
    words = try values.hexadecimals(key)
    guard address.isAligned(3) else { throw CaseDefect(object.place(of: "addr"), expected: "a multiple of 8") }
  }
}

extension IOMMUCase.RegisterWrite {
  init(_ object: CaseObject) throws(CaseDefect) {
    (offset, size) = try object.register()
    value = try object.hexadecimal("value")
  }
}

extension CaseObject {
  fileprivate func register() throws(CaseDefect) -> (offset: UInt64, size: Int) {
    let size = try integer("size")
    guard size == 4 || size == 8 else { throw CaseDefect(place(of: "size"), expected: "4 or 8", found: "\(size)") }
    return (try hexadecimal("offset"), size)
  }
}

extension IOMMUCase.Step {
  init(_ object: CaseObject) throws(CaseDefect) {
    switch try object.string("op") {
    case "mmio_write": self = .registerWrite(try IOMMUCase.RegisterWrite(object))
    case "mmio_read":
      let (offset, size) = try object.register()
      let value = try object.object("expect").hexadecimal("value")
      self = .registerRead(IOMMUCase.RegisterRead(offset: offset, size: size, observed: value))
    case "mem_write": self = .memoryWrite(try IOMMUCase.MemoryWords(object, "u64", object))
    case "mem_read":
      let words = try IOMMUCase.MemoryWords(object, "u64", try object.object("expect"))
      guard words.words.count == (try object.integer("n")) else {
        throw CaseDefect(object.place(of: "expect.u64"), expected: "as many words as n says")
      }
      self = .memoryRead(words)
    case "dma": self = .access(try IOMMUCase.Access(object))
    case let other: throw CaseDefect(object.place(of: "op"), expected: "a known step", found: other)
    }
  }
}

extension IOMMUCase.Access {
  init(_ object: CaseObject) throws(CaseDefect) {
    requester = RequesterID(UInt32(truncatingIfNeeded: try object.hexadecimal("rid")))
    address = IOVirtualAddress(try object.hexadecimal("iova"))
    length = try object.integer("len")
    guard (1...4096).contains(length) else { throw CaseDefect(object.place(of: "len"), expected: "1 to 4096", found: "\(length)") }
    switch try object.string("dir") {
    case "read":
      kind = .read
      data = []
    case "write":
      kind = .write
      data = try object.bytes("data")
      guard data.count == length else { throw CaseDefect(object.place(of: "data"), expected: "\(length) bytes") }
    case let other: throw CaseDefect(object.place(of: "dir"), expected: "read or write", found: other)
    }
    isImplementationDefined = object.members["impl_defined"] as? Bool ?? false
    observed = try IOMMUCase.Observation(try object.object("expect"))
  }
}

extension IOMMUCase.Observation {
  init(_ object: CaseObject) throws(CaseDefect) {
    switch try object.string("status") {
    case "ok": completed = true
    case "fault": completed = false
    case let other: throw CaseDefect(object.place(of: "status"), expected: "ok or fault", found: other)
    }
    isMissing = object.members["pa"] as? String == "unknown"
    if object.contains("pa"), !isMissing {
      pieces = [PhysicalAddress(try object.hexadecimal("pa"))]
    } else {
      pieces = try object.optional("pieces", object.hexadecimals)?.map { PhysicalAddress($0) }
    }
    data = try object.optional("data", object.bytes)
    landed = (try object.optional("landed_before_fault", object.hexadecimals) ?? []).map { PhysicalAddress($0) }
    fault = try object.contains("fault") ? IOMMUCase.Fault(try object.object("fault")) : nil
  }
}

extension IOMMUCase.Fault {
  init(_ object: CaseObject) throws(CaseDefect) {
    status = try object.hexadecimal("fsts")
    record = try object.contains("frcd_hi") ? IOMMUCase.Record(object) : nil
    architecturalReasons = (try object.optional("arch_reason", object.hexadecimals) ?? [])
      .map { FaultReason(UInt8(truncatingIfNeeded: $0)) }
  }
}

extension IOMMUCase.Record {
  init(_ object: CaseObject) throws(CaseDefect) {
    low = try object.hexadecimal("frcd_lo")
    high = try object.hexadecimal("frcd_hi")
    reason = FaultReason(UInt8(truncatingIfNeeded: try object.hexadecimal("reason")))
    source = RequesterID(UInt32(truncatingIfNeeded: try object.hexadecimal("sid")))
    information = try object.hexadecimal("fi")
    type = try object.string("type")
    hasPASID = try object.integer("pp") != 0
    pasid = try object.hexadecimal("pasid")
  }
}
