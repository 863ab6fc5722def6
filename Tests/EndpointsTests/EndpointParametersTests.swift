import Endpoints
import Hardware
import Testing

@Suite("Endpoint parameters") struct EndpointParametersTests {
  @Test("A parameter reads back as it is written, and each is one of its own", arguments: EndpointParameters.parameters.indices)
  func reading(index: Int) throws {
    let parameter = EndpointParameters.parameters[index]
    var parameters = EndpointParameters()
    try parameter.set(parameter.value(parameters).description, &parameters)
    #expect(parameters == EndpointParameters())
    #expect(
      ["true", "16", "5", "fifo", "cxl_cache"].contains { other in
        var changed = EndpointParameters()
        do { try parameter.set(other, &changed) } catch { return false }
        return changed != EndpointParameters()
      })
  }

  @Test("Keys are unique, and there is one for every member")
  func complete() {
    let keys = EndpointParameters.parameters.map(\.key)
    #expect(Set(keys).count == keys.count)
    // The cache has three: entries, ways and replacement.
    #expect(keys.count == Mirror(reflecting: EndpointParameters()).children.count + 2)
  }

  @Test("A cache that cannot be is a problem")
  func problems() {
    var parameters = EndpointParameters()
    #expect(parameters.problems.isEmpty)
    parameters.cache.ways = 7
    #expect(parameters.problems.map(\.parameter) == ["device_tlb"])
  }
}
