import Hardware
import Testing
import Translation

@Suite("Parameters of the translation path") struct TranslationParametersTests {
  @Test("Every parameter has a key of its own, and its value reads back", arguments: TranslationParameters.parameters.indices)
  func declaration(index: Int) throws {
    let parameter = TranslationParameters.parameters[index]
    #expect(TranslationParameters.parameters.filter { $0.key == parameter.key }.count == 1)
    var parameters = TranslationParameters()
    try parameter.set(parameter.value(parameters).description, &parameters)
    #expect(parameters == TranslationParameters())
  }

  @Test("A problem is named by the section of the cache that has it", arguments: TranslationParameters.caches.map(\.section))
  func problems(section: String) throws {
    let entries = try #require(TranslationParameters.parameters.first { $0.key == section + ".entries" })
    let ways = try #require(TranslationParameters.parameters.first { $0.key == section + ".ways" })
    var parameters = TranslationParameters()
    try entries.set("10", &parameters)
    try ways.set("4", &parameters)
    #expect(parameters.problems.map(\.parameter) == [section])
  }

  @Test("Caches that replace at random are seeded differently, and others stay as they are")
  func seeding() {
    var parameters = TranslationParameters()
    parameters.iotlb.geometry.policy = .random(seed: 0)
    parameters.iotlb.large.policy = .random(seed: 0)
    let seeded = parameters.seeded(1)
    #expect(seeded.iotlb.geometry.policy != .random(seed: 0))
    #expect(seeded.iotlb.geometry.policy != seeded.iotlb.large.policy)
    #expect(seeded.iotlb.geometry.policy == parameters.seeded(1).iotlb.geometry.policy)
    #expect(seeded.iotlb.geometry.policy != parameters.seeded(2).iotlb.geometry.policy)
    #expect(seeded.iotlb.medium == parameters.iotlb.medium)
  }
}
