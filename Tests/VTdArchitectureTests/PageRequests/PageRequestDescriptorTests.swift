import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct PageRequestDescriptorTests {
  @Test("A page request has the words of the specification's layout, and says what it was made of")
  func request() {
    let request = PageRequestDescriptor(
      requester: RequesterID(0x0300), pasid: PASID(5), address: IOVirtualAddress(0x7F00_0000_1000), group: 0x1F, read: true, write: true,
      last: true)
    #expect(request.words == [0x5_0300_0101, 0x7F00_0000_10FF, 0, 0])
    #expect(request.requester == RequesterID(0x0300) && request.pasid == PASID(5) && request.group == 0x1F)
    #expect(request.address == IOVirtualAddress(0x7F00_0000_1000) && request.read && request.write && request.last)
    #expect(!request.isStopMarker && !request.execute && !request.privileged)
  }

  @Test("A stop marker has the words of the specification's layout")
  func stopMarker() {
    let marker = PageRequestDescriptor(
      requester: RequesterID(0x0300), pasid: PASID(5), address: IOVirtualAddress(0), group: 0, read: false, write: false, last: true)
    #expect(marker.words == [0x5_0300_0101, 0x4, 0, 0])
    #expect(marker.isStopMarker)
  }

  @Test("A request without PASID asks for no privilege")
  func withoutPASID() {
    let request = PageRequestDescriptor(
      requester: RequesterID(1), pasid: nil, address: IOVirtualAddress(0), group: 0, read: true, write: false, last: false,
      privileged: true, execute: true)
    #expect(request.words[0] == 0x1_0001)
    #expect(request.pasid == nil)
  }
}
