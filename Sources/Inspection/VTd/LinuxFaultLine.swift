import Hardware
import VTdArchitecture

/// A fault as Linux's driver reports it, in any of the forms it has had:
///
///     DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 [fault reason 0x06] PTE Read access is not set
///     DMAR: [DMA Write PASID 0x2] Request device [6a:01.0] fault addr 0x7fe0c9943000 [fault reason 0x71] ...
///     DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9c000000 [fault reason 06] ...
///     DMAR: [INTR-REMAP] Request device [00:00.5] fault index 0x19 [fault reason 0x22] ...
///
/// Reasons without `0x` are decimal. Old kernels write the reason in a line of its own, behind this one.
struct LinuxFaultLine {
  /// What the line says of the request.
  enum Request { case read, write, interrupt }

  let request: Request
  let source: RequesterID
  let pasid: PASID?
  /// The address, or the index of an interrupt.
  let place: UInt64
  /// The reason, and how it was written if that was decimal.
  var reason: (code: FaultReason, decimal: String?)?
  let text: String

  /// The fault that a line reports, if it reports one.
  init?(_ line: String) {
    var scanner = LineScanner(line)
    let head = line.prefix { $0 != "\n" }
    if head.contains("DMA Read") {
      request = .read
    } else if head.contains("DMA Write") {
      request = .write
    } else if head.contains("INTR-REMAP") {
      request = .interrupt
    } else {
      return nil
    }
    var ids = LineScanner(line)
    guard scanner.skip(past: "Request device ["), let source = Self.source(&scanner) else { return nil }
    self.source = source
    let number = ids.skip(past: "NO_PASID") ? nil : ids.hexadecimal(after: "PASID ")
    pasid = number.flatMap { $0 <= UInt64(PASID.maximum.rawValue) ? PASID(UInt32($0)) : nil }
    guard let place = scanner.hexadecimal(after: request == .interrupt ? "fault index " : "fault addr ") else { return nil }
    self.place = place
    text = line
    reason = Self.reason(scanner.rest)
  }

  /// The reason in a line, or in the rest of one; Linux writes decimal numbers without `0x`.
  static func reason(_ line: some StringProtocol) -> (code: FaultReason, decimal: String?)? {
    var scanner = LineScanner(line)
    guard scanner.skip(past: "fault reason ") else { return nil }
    let isHexadecimal = scanner.rest.hasPrefix("0x") || scanner.rest.prefix { $0 != "]" }.hasSuffix("h")
    let written = scanner.rest.prefix { $0 != "]" && $0 != " " }
    guard let value = isHexadecimal ? scanner.hexadecimal() : scanner.decimal(), let code = UInt8(exactly: value) else { return nil }
    return (FaultReason(code), !isHexadecimal && value > 9 ? String(written) : nil)
  }

  /// `00:02.0`, `0x00:0x02.0` or `0000:00:02.0`; some kernels wrote a second bracket before it.
  private static func source(_ scanner: inout LineScanner) -> RequesterID? {
    _ = scanner.skip("[")
    var numbers: [UInt64] = []
    while let number = scanner.hexadecimal() {
      numbers.append(number)
      if scanner.skip(":") { continue }
      guard scanner.skip("."), let function = scanner.decimal(), function < 8, let device = numbers.popLast(), device < 32,
        let bus = numbers.popLast(), bus < 256, numbers.count <= 1
      else { return nil }
      return RequesterID(bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
    }
    return nil
  }

  /// The record that the unit held, as far as the line says, and what the reason stands for.
  func decoding(in vocabulary: VTdVocabulary) -> Decoding {
    let code = reason?.code ?? FaultReason(0)
    let record =
      request == .interrupt
      ? FaultRecord(interruptIndex: UInt16(truncatingIfNeeded: place), source: source, reason: code)
      : FaultRecord(
        address: IOVirtualAddress(place), source: source, reason: code, type: request == .read ? .read : .write, pasid: pasid)
    var decoding = vocabulary.decode(faultRecord: [record.low, record.high], kind: "log-fault")
    // The kernel prints neither these nor what could tell them.
    decoding.fields.removeAll { ["T2", "PRIV", "EXE", "AT"].contains($0.name) }
    decoding.source = text
    guard let reason else {
      decoding.warnings = ["the line that names the reason is missing"]
      decoding.notes = []
      decoding.summary = nil
      return decoding
    }
    if let decimal = reason.decimal { decoding.notes.append("the kernel wrote the reason as decimal \(decimal): \(reason.code)") }
    if request != .interrupt {
      decoding.notes.append(
        request == .read
          ? "the kernel tells requests apart by T1 alone: the read may have been an AtomicOp"
          : "the kernel tells requests apart by T1 alone: the write may have been a page request")
    }
    return decoding
  }
}
