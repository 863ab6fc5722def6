import Compression
import Foundation
import Hardware

@testable import DMATrace

/// A directory for the files of one test, removed with them.
final class TemporaryDirectory {
  private let url = FileManager.default.temporaryDirectory.appendingPathComponent("iommusim-test-\(UUID().uuidString)")

  init() { try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: url) }

  var path: String { url.path }

  /// The names of the files in it.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }

  /// The path of a file in it.
  func file(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// Makes a file with the given bytes.
  func make(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: url.appendingPathComponent(name))
    return file(name)
  }

  /// Makes a file with the given text.
  func make(_ name: String, _ text: String) throws -> String { try make(name, Array(text.utf8)) }

  /// Makes a container of the given records.
  func container(
    _ records: [TraceRecord], name: String = "trace.dmat.zst", header: TraceHeader = TraceHeader(), level: Int = 3,
    blockRecords: Int = TraceFormat.maximumBlockRecords
  ) throws -> String {
    var writer = try TraceWriter(path: file(name), header: header, level: level, blockRecords: blockRecords)
    for record in records { try writer.append(record) }
    try writer.finish()
    return file(name)
  }
}

/// The bytes of a file.
func bytes(of path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

/// The lines of a text file.
func lines(of path: String) throws -> [String] {
  String(decoding: try bytes(of: path), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
}

/// A file that the tests bring with them.
func fixture(_ name: String) -> String { Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name)").path }

/// What a source delivers until its end or an error.
struct Delivery {
  var records: [TraceRecord] = []
  var error: TraceError?
  var damage: TraceError?
}

/// Reads a source to its end.
func deliver<Source: TraceSource & ~Copyable>(_ source: inout Source) -> Delivery {
  var delivery = Delivery()
  do throws(TraceError) {
    while true {
      let batch = try source.nextBatch()
      if batch.isEmpty { break }
      delivery.records += batch
    }
  } catch {
    delivery.error = error
  }
  delivery.damage = source.damage
  return delivery
}

/// Reads a container from front to back, as far as it goes.
func deliver(container path: String, allowTruncated: Bool = false) -> Delivery {
  do throws(TraceError) {
    var reader = try TraceReader(path: path, allowTruncated: allowTruncated)
    return deliver(&reader)
  } catch {
    return Delivery(error: error)
  }
}

/// Records in which every field takes many values, its smallest and its largest among them, in a fixed random order.
func variedRecords(_ count: Int, seed: UInt64 = 1) -> [TraceRecord] {
  var random = SplitMix64(seed: seed)
  func extreme(_ largest: UInt64) -> UInt64 {
    switch random.next(below: 4) {
    case 0: 0
    case 1: largest
    default: random.next() & largest
    }
  }
  var time: UInt64 = 0
  return (0..<count).map { _ in
    time += random.next(below: 3) == 0 ? 0 : random.next(below: 1 << 20)
    let operation = TraceOperation.allCases[Int(random.next(below: UInt64(TraceOperation.allCases.count)))]
    return TraceRecord(
      time: SimTime(rawValue: time), operation: operation, requester: RequesterID(UInt32(extreme(0xFFFF_FFFF))),
      pasid: random.next(below: 2) == 0 ? nil : PASID(UInt32(extreme(0xF_FFFF))), address: IOVirtualAddress(extreme(.max)),
      length: extreme(operation.isAccess ? 0x3FFF_FFFF : .max), physical: PhysicalAddress(extreme(.max)),
      permissions: Permissions(rawValue: UInt8(extreme(7))), attributes: TraceAttributes(rawValue: UInt16(extreme(0x1FF))),
      group: UInt16(extreme(0xFFFF)), scope: InvalidationScope.allCases[Int(random.next(below: 18))],
      domain: TraceDomain(UInt32(extreme(0xFFFF_FFFF))), value: UInt32(extreme(0xFFFF_FFFF)), unit: UInt16(extreme(0xFFFF)))
  }
}

/// Records like those of real traces: accesses over a few pages with maps and invalidations among them.
func plainRecords(_ count: Int) -> [TraceRecord] {
  (0..<count).map { index in
    let time = SimTime(nanoseconds: UInt64(index) * 10)
    let page = IOVirtualAddress(0x1_0000_0000 + UInt64(index * 7 % 32) << 12)
    switch index % 50 {
    case 0:
      return TraceRecord(
        time: time, operation: .map, address: page, length: 4096, physical: PhysicalAddress(UInt64(index) << 12), permissions: .readWrite,
        domain: TraceDomain(5))
    case 49:
      return TraceRecord(time: time, operation: .invalidate, address: page, length: 4096, scope: .pages, domain: TraceDomain(5))
    default:
      return TraceRecord(
        time: time, operation: index % 3 == 0 ? .write : .read, requester: RequesterID(bus: 0, device: 3, function: 0),
        address: page.advanced(by: UInt64(index % 64) * 64), length: 64)
    }
  }
}
