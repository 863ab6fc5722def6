import Hardware
import Testing
import Translation

@Suite struct MemoryPortTests {
  private static func port(latency: UInt64, interval: UInt64) -> MemoryPort {
    var parameters = TranslationParameters.MemoryPortParameters()
    parameters.latency = SimTime(nanoseconds: latency)
    parameters.interval = SimTime(nanoseconds: interval)
    return MemoryPort(parameters)
  }

  @Test("With unlimited bandwidth every read takes the latency, whenever it is issued")
  func unlimited() {
    var port = Self.port(latency: 80, interval: 0)
    for time in [0, 5, 5, 3, 100] as [UInt64] {
      #expect(port.read(at: SimTime(nanoseconds: time)) == SimTime(nanoseconds: time + 80))
    }
    #expect(port.reads == 5)
    #expect(port.updates == 0)
  }

  @Test("Reads and updates share the bandwidth and are counted apart")
  func bandwidth() {
    var port = Self.port(latency: 80, interval: 10)
    #expect(port.read(at: .zero) == SimTime(nanoseconds: 80))
    #expect(port.update(at: .zero) == SimTime(nanoseconds: 90))
    #expect(port.read(at: .zero) == SimTime(nanoseconds: 100))
    #expect(port.read(at: SimTime(nanoseconds: 40)) == SimTime(nanoseconds: 120))
    #expect((port.reads, port.updates) == (3, 1))
  }

  @Test("A read issued later uses a gap that earlier ones left")
  func gaps() {
    var port = Self.port(latency: 80, interval: 10)
    #expect(port.read(at: SimTime(nanoseconds: 500)) == SimTime(nanoseconds: 580))
    #expect(port.read(at: SimTime(nanoseconds: 20)) == SimTime(nanoseconds: 100))
  }
}
