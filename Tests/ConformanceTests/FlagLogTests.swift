import Hardware
import Testing

@testable import Conformance

@Suite struct FlagLogTests {
  private static let leaf = {
    var word = TableWord(.first, level: 1, address: PhysicalAddress(0x1000), value: 0x20_0007)
    word.flags = 0x60
    return word
  }()
  private static let page = IOVirtualAddress(0x5000)

  private func log(_ flags: UInt64...) -> FlagLog {
    var log = FlagLog()
    log.meet([Self.leaf])
    for flags in flags {
      var word = Self.leaf
      word.flags = flags
      log.observe([word], Self.page, RequesterID(1), isTranslated: true)
    }
    return log
  }

  @Test("A walk sets the flags of an entry that has none of them, a cached translation sets none")
  func observed() {
    #expect(log(0x60)[Self.leaf.address]?.observed == 0x60)
    #expect(log(0x20, 0x60)[Self.leaf.address]?.observed == 0x20)
  }

  @Test("After an invalidation it is uncertain whether a translation was cached")
  func uncertain() {
    var log = log(0)
    log.invalidate()
    log.observe([Self.leaf], Self.page, RequesterID(1), isTranslated: true)
    let entry = log[Self.leaf.address]
    #expect(entry?.observed == 0 && entry?.uncertain == 0x60)
    #expect(entry?.explains(0x20_0007) == true && entry?.explains(0x20_0067) == true && entry?.explains(0x20_0107) == false)
  }

  @Test("Flags of accesses that go through are demanded, those of blocked ones left open but for D")
  func demanded() {
    var log = log()
    log.permit([Self.leaf], isBlocked: true)
    #expect(log[Self.leaf.address]?.expected.word == 0x20_0007 && log[Self.leaf.address]?.expected.open == 0x20)
    log.demand([Self.leaf])
    #expect(log[Self.leaf.address]?.expected.word == 0x20_0067 && log[Self.leaf.address]?.expected.open == 0)
    log.forget(Self.leaf.address)
    #expect(log[Self.leaf.address] == nil)
  }
}
