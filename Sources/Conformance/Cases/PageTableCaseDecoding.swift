import Hardware
import VTdArchitecture

extension PageTableCase {
  init(_ object: CaseObject, _ header: CaseHeader, _ kind: Kind) throws(CaseDefect) {
    self.header = header
    self.kind = kind
    hostAddressWidth = try object.integer("hpa_bits")
    guard (12...52).contains(hostAddressWidth) else {
      throw CaseDefect("hpa_bits", expected: "12 to 52", found: "\(hostAddressWidth)")
    }
    blocks = try Self.blocks(object)
    table = kind == .bare ? try BareTable(object.object("table"), hostAddressWidth: hostAddressWidth) : nil
    registers = kind == .bare ? nil : try Registers(object.object("regs"))
    // Queries without a requester of their own come from the case's.
    let requester = RequesterID(UInt32(truncatingIfNeeded: try object.optional("sid", object.hexadecimal) ?? 0))
    let number = try object.optional("pasid", object.integer) ?? 0
    let pasid = number == 0 ? nil : PASID(UInt32(truncatingIfNeeded: number))
    queries = []
    mutations = []
    if let registers, object.contains("muts") {
      for mutation in try object.objects("muts") { mutations.append(try Mutation(mutation, registers, requester, pasid)) }
    } else {
      for query in try object.objects("q") { queries.append(try Query(query, requester, pasid)) }
    }
  }

  private static func blocks(_ object: CaseObject) throws(CaseDefect) -> [Block] {
    var blocks: [Block] = []
    var total = 0
    for block in try object.array("mem") {
      let place = "mem[\(blocks.count)]"
      guard let block = block as? [Any], block.count == 3, let length = block[1] as? Int, let runs = block[2] as? [Any] else {
        throw CaseDefect(place, expected: "an address, a length and runs of words")
      }
      let address = PhysicalAddress(try CaseObject.hexadecimal(block[0], at: place))
      guard address.isAligned(12), address.rawValue < 1 << 52, length > 0, length % 4096 == 0, length <= (1 << 30) - total else {
        throw CaseDefect(place, expected: "whole 4 KiB frames below 2^52, at most 1 GiB in all blocks")
      }
      total += length
      var decoded: [Run] = []
      decoded.reserveCapacity(runs.count)
      for run in runs {
        guard let run = run as? [Any], run.count == 4, let index = run[0] as? Int, let count = run[1] as? Int, index >= 0, count > 0,
          count <= length / 8, index <= length / 8 - count
        else { throw CaseDefect(place, expected: "runs of an index and a count inside the block, a word and a step") }
        decoded.append(
          Run(
            index: index, count: count, first: try CaseObject.hexadecimal(run[2], at: place),
            step: try CaseObject.hexadecimal(run[3], at: place)))
      }
      blocks.append(Block(address: address, length: UInt64(length), runs: decoded))
    }
    return blocks
  }
}

extension BareTable {
  init(_ object: CaseObject, hostAddressWidth: Int) throws(CaseDefect) {
    let levels = try object.integer("levels")
    guard (3...5).contains(levels) else { throw CaseDefect(object.place(of: "levels"), expected: "3 to 5", found: "\(levels)") }
    let stage: TranslationStage
    switch try object.string("stage") {
    case "fs": stage = .first
    case "ss": stage = .second
    case let other: throw CaseDefect(object.place(of: "stage"), expected: "fs or ss", found: other)
    }
    self.init(
      stage: stage, levels: UInt8(levels), root: PhysicalAddress(try object.hexadecimal("root")), hostAddressWidth: hostAddressWidth)
  }
}

extension PageTableCase.Registers {
  init(_ object: CaseObject) throws(CaseDefect) {
    rootTable = try object.hexadecimal("rtaddr")
    capabilities = try object.hexadecimal("cap")
    extendedCapabilities = try object.hexadecimal("ecap")
  }

  /// These registers with those that `object` names replaced.
  func replaced(by object: CaseObject) throws(CaseDefect) -> Self {
    var registers = self
    registers.rootTable = try object.optional("rtaddr", object.hexadecimal) ?? rootTable
    registers.capabilities = try object.optional("cap", object.hexadecimal) ?? capabilities
    registers.extendedCapabilities = try object.optional("ecap", object.hexadecimal) ?? extendedCapabilities
    return registers
  }
}

extension PageTableCase.Query {
  init(_ object: CaseObject, _ requester: RequesterID, _ pasid: PASID?) throws(CaseDefect) {
    self.requester = try object.optional("sid", object.hexadecimal).map { RequesterID(UInt32(truncatingIfNeeded: $0)) } ?? requester
    self.pasid = try object.optional("pasid", object.integer).map { PASID(UInt32(truncatingIfNeeded: $0)) } ?? pasid
    address = IOVirtualAddress(try object.hexadecimal("a"))
    expected = try PageTableCase.Answer(object)
  }
}

extension PageTableCase.Mutation {
  init(
    _ object: CaseObject, _ registers: PageTableCase.Registers, _ requester: RequesterID, _ pasid: PASID?
  ) throws(CaseDefect) {
    name = try object.string("name")
    patch = []
    for word in try object.array("patch") {
      let place = object.place(of: "patch")
      guard let pair = word as? [Any], pair.count == 2 else { throw CaseDefect(place, expected: "pairs of an address and a word") }
      patch.append(
        PageTableCase.Patch(
          address: PhysicalAddress(try CaseObject.hexadecimal(pair[0], at: place)), word: try CaseObject.hexadecimal(pair[1], at: place)))
    }
    self.registers = try object.contains("regs") ? registers.replaced(by: object.object("regs")) : registers
    let request = try object.object("q")
    let letter = try request.string("rw")
    switch letter {
    case "r", "x": kind = .read
    case "w": kind = .write
    default: throw CaseDefect(request.place(of: "rw"), expected: "r, w or x", found: letter)
    }
    executes = letter == "x"
    isPrivileged = try request.optional("priv", request.integer) ?? 0 != 0
    let expected = try object.object("exp")
    switch try expected.string("r") {
    case "any", "constrained":
      allowed = []
      for answer in try expected.objects("allowed") { allowed.append(try PageTableCase.Answer(answer)) }
    default: allowed = [try PageTableCase.Answer(expected)]
    }
    guard let first = allowed.first else { throw CaseDefect(expected.place(of: "allowed"), expected: "at least one outcome") }
    query = PageTableCase.Query(
      requester: requester, pasid: pasid, address: IOVirtualAddress(try request.hexadecimal("a")), expected: first)
  }
}

extension PageTableCase.Answer {
  init(_ object: CaseObject) throws(CaseDefect) {
    switch try object.string("r") {
    case "hit" where object.contains("st1"):
      let through = try object.hexadecimal("gpa")
      let first = try PageTableCase.Mapping(object.object("st1"), output: through)
      let second = try PageTableCase.Mapping(object.object("st2"), output: object.hexadecimal("pa"))
      self = .nested(first, through: GuestPhysicalAddress(through), second)
    case "hit": self = .hit(try PageTableCase.Mapping(object, output: object.hexadecimal("pa")))
    case "miss": self = .miss
    case "range": self = .range
    case "noncanon": self = .nonCanonical
    case "ssmiss": self = .secondStageMiss(GuestPhysicalAddress(try object.hexadecimal("gpa")))
    case "passthrough": self = .passThrough(PhysicalAddress(try object.hexadecimal("pa")))
    case "fault": self = .fault(FaultReason(UInt8(truncatingIfNeeded: try object.hexadecimal("code"))))
    case let other: throw CaseDefect(object.place(of: "r"), expected: "a known outcome", found: other)
    }
  }
}

extension PageTableCase.Mapping {
  init(_ object: CaseObject, output: UInt64) throws(CaseDefect) {
    self.output = output
    let size = try object.hexadecimal("sz")
    guard size.nonzeroBitCount == 1 else { throw CaseDefect(object.place(of: "sz"), expected: "a power of two") }
    pageSizeLog2 = UInt8(size.trailingZeroBitCount)
    level = UInt8(truncatingIfNeeded: try object.integer("lv"))
    if object.contains("p") {
      let letters = try object.string("p")
      permissions = Permissions(
        rawValue: (letters.contains("r") ? 1 : 0) | (letters.contains("w") ? 2 : 0) | (letters.contains("x") ? 4 : 0))
    }
    user = try object.optional("us", object.integer).map { $0 != 0 }
    accessed = try object.optional("ac", object.integer).map { $0 != 0 }
    dirty = try object.optional("d", object.integer).map { $0 != 0 }
    snoop = try object.optional("snp", object.integer).map { $0 != 0 }
  }
}
