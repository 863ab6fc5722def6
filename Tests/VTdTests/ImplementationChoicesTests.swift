import Hardware
import Testing
import VTd

@Suite("Implementation choices") struct ImplementationChoicesTests {
  @Test("Every choice can be configured")
  func complete() {
    let choices = ImplementationChoices()
    let members = Mirror(reflecting: choices).children.count - 1 + Mirror(reflecting: choices.descriptors).children.count
    #expect(ImplementationChoices.parameters.count == members)
    #expect(Set(ImplementationChoices.parameters.map(\.key)).count == members)
  }

  @Test("A choice reads back as it is written, and each is a choice of its own", arguments: ImplementationChoices.parameters.indices)
  func reading(index: Int) throws {
    let parameter = ImplementationChoices.parameters[index]
    var choices = ImplementationChoices()
    let value = parameter.value(choices)
    try parameter.set(value.description, &choices)
    #expect(choices == ImplementationChoices())
    // One of these is another value of whatever kind the choice is of.
    let others = [
      "true", "false", "5.10", "largest", "at_each_level", "none", "not_writable", "invalid_request", "untranslated_write", "all_entries",
      "every_mode", "pages", "5",
    ]
    #expect(
      others.contains { other in
        var changed = ImplementationChoices()
        do { try parameter.set(other, &changed) } catch { return false }
        return changed != ImplementationChoices() && parameter.value(changed) != value
      })
  }
}
