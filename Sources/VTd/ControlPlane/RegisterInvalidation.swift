import Hardware
import VTdArchitecture

extension ControlPlane {
  /// Whether invalidation through registers is possible now; otherwise a request does nothing and reports granularity 0.
  private var acceptsRegisterInvalidation: Bool {
    identity.version.major < 6 && !state.queueIsEnabled && (state.mode == .legacy || choices.registerInvalidation == .everyMode)
  }

  private func domain(_ bits: UInt64) -> DomainID {
    DomainID(UInt16(truncatingIfNeeded: bits & .mask(width: identity.capabilities.domainIDWidth)))
  }

  /// Executes CCMD if ICC is set (VT-d rev 5.10 section 11.4.6.1).
  mutating func executeContextCommand<Receiver: InvalidationReceiver & ~Copyable>(caches: inout Receiver) {
    var command = registers[qword: RegisterOffset.contextCommand]
    guard command[bit: 63] else { return }
    let granularity = acceptsRegisterInvalidation ? command[bits: 61...62] : 0
    let domain = domain(command[bits: 0...15])
    switch granularity {
    case 1: execute(.contextCache(.global), caches: &caches)
    case 2: execute(.contextCache(.domain(domain)), caches: &caches)
    case 3:
      let requester = RequesterID(UInt32(truncatingIfNeeded: command[bits: 16...31]))
      let mask = UInt8(truncatingIfNeeded: command[bits: 32...33])
      execute(.contextCache(.device(requester, functionMask: mask, domain)), caches: &caches)
    default: break
    }
    command[bit: 63] = false
    command[bits: 59...60] = granularity
    registers[qword: RegisterOffset.contextCommand] = command
  }

  /// Executes the IOTLB register if IVT is set (VT-d rev 5.10 section 11.4.6.3).
  mutating func executeIOTLBCommand<Receiver: InvalidationReceiver & ~Copyable>(caches: inout Receiver) {
    let offset = identity.extended.iotlbRegisterOffset
    var command = registers[qword: offset &+ 8]
    guard command[bit: 63] else { return }
    let address = registers[qword: offset]
    let mask = UInt8(truncatingIfNeeded: address[bits: 0...5])
    let domain = domain(command[bits: 32...47])

    var granularity = acceptsRegisterInvalidation ? command[bits: 60...61] : 0
    // Without page-selective invalidation the next coarser granularity serves.
    if granularity == 3, !identity.capabilities.pageSelectiveInvalidation { granularity = 2 }
    if granularity == 3, mask > identity.capabilities.maximumAddressMask { granularity = 0 }

    var scope: IOTLBInvalidation.Scope?
    switch granularity {
    case 1: scope = .global
    case 2: scope = .domain(domain)
    case 3:
      let width = identity.capabilities.maximumGuestAddressWidth
      let page = IOVirtualAddress(address & .mask(width: width) & ~0xFFF)
      scope = .pages(domain, PageRange(page, addressMask: mask), leafOnly: address[bit: 6])
    default: break
    }
    if let scope {
      execute(.iotlb(IOTLBInvalidation(scope, drainReads: command[bit: 49], drainWrites: command[bit: 48])), caches: &caches)
    }
    command[bit: 63] = false
    command[bits: 57...58] = granularity
    registers[qword: offset &+ 8] = command
  }
}
