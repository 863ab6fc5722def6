import Hardware
import VTdArchitecture

extension VTdVocabulary {
  /// An invalidation descriptor of four words, of which the last two are 0 in a queue of 128-bit descriptors.
  func decode(descriptor words: [UInt64]) -> Decoding {
    let type = words[0][bits: 9...11] << 4 | words[0][bits: 0...3]
    let layout = InvalidationDescriptor.layout(of: words[0])
    let unknown = StructureDeclaration(
      "descriptor of type \(type)", width: 256,
      fields: [RegisterField("TYPE", 0...3, "type, bits 3:0"), RegisterField("TYPEH", 9...11, "type, bits 6:4")])
    var decoding = Decoding(words, layout ?? unknown, in: self, kind: "descriptor", isPresent: layout != nil)
    decoding.isPresent = true
    let rules = DescriptorRules(unit, revision: revision)
    let isScalable = unit.extended.scalableMode
    switch rules.decode([words[0], words[1], words[2], words[3]], mode: isScalable ? .scalable : .legacy, wide: isScalable) {
    case .success(let descriptor): decoding.summary = Self.summary(of: descriptor)
    case .failure(let error):
      let name = Registers.named("IQERCD")?.fields.first { $0.name == "IQEI" }?.symbol(for: UInt64(error.rawValue)) ?? ""
      decoding.warnings.append("a unit stops at this descriptor: IQEI \(error.rawValue), \(name)")
    }
    return decoding
  }

  /// What a descriptor does, in one line.
  private static func summary(of descriptor: InvalidationDescriptor) -> String {
    switch descriptor {
    case .contextCache(.global): return "context cache: all"
    case .contextCache(.domain(let domain)): return "context cache: domain \(domain) (scalable mode: all)"
    case .contextCache(.device(let requester, let mask, let domain)):
      let functions = ["", ", function bit 2 ignored", ", function bits 2:1 ignored", ", all functions"][Int(mask & 3)]
      return "context cache: \(requester)\(functions), domain \(domain) (legacy mode)"
    case .iotlb(let invalidation):
      switch invalidation.scope {
      case .global: return "IOTLB and paging structures: all"
      case .domain(let domain): return "IOTLB and paging structures: domain \(domain)"
      case .pages(let domain, let pages, let leafOnly):
        return "IOTLB\(leafOnly ? "" : " and paging structures"): domain \(domain), \(range(pages))"
      }
    case .deviceTLB(let invalidation): return "device-TLB of \(invalidation.source): \(range(invalidation.encodedAddress.range))"
    case .interruptEntryCache(.global): return "interrupt entry cache: all"
    case .interruptEntryCache(.index(let index, let mask)):
      let count = UInt64(1) << UInt64(mask)
      return "interrupt entry cache: \(count == 1 ? "1 entry" : "\(count) entries") from index \(UInt64(index) & ~(count - 1))"
    case .wait(let wait):
      let parts = [
        wait.statusWrite ? "write 0x\(String(wait.statusData, radix: 16)) to \(wait.statusAddress)" : nil,
        wait.interrupt ? "raise an event" : nil, wait.fence ? "fence" : nil, wait.pageRequestDrain ? "drain page requests" : nil,
      ].compactMap { $0 }
      return "wait for the descriptors before" + parts.map { ", \($0)" }.joined()
    case .pasidIOTLB(.pasid(let domain, let pasid)): return "IOTLB and paging structures: domain \(domain), PASID \(pasid)"
    case .pasidIOTLB(.pages(let domain, let pasid, let pages, let leafOnly)):
      return "IOTLB\(leafOnly ? "" : " and paging structures"): domain \(domain), PASID \(pasid), \(range(pages))"
    case .pasidCache(.global): return "PASID cache: all"
    case .pasidCache(.domain(let domain)): return "PASID cache: domain \(domain)"
    case .pasidCache(.pasid(let domain, let pasid)): return "PASID cache: domain \(domain), PASID \(pasid)"
    case .pasidDeviceTLB(let invalidation):
      let pasids = invalidation.global ? "all PASIDs" : "PASID \(invalidation.pasid)"
      return "device-TLB of \(invalidation.device.source): \(pasids), \(range(invalidation.device.encodedAddress.range))"
    case .pageGroupResponse(let response):
      let code = [0: "success", 1: "invalid request", 15: "response failure"][response.code] ?? "reserved code \(response.code)"
      let pasid = response.pasid.map { " with PASID \($0)" } ?? ""
      return "answer to \(response.requester)\(pasid), group \(response.group): \(code)"
    case .hostPermission(.global): return "host permissions: all"
    case .hostPermission(.domain(let domain)): return "host permissions: domain \(domain)"
    case .hostPermission(.pages(let domain, let pages, _)): return "host permissions: domain \(domain), \(range(pages))"
    }
  }

  private static func range(_ pages: PageRange) -> String {
    pages.sizeLog2 >= 63 ? "all addresses" : "\(pages.base) to \(pages.last)"
  }
}
