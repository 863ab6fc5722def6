import Hardware
import PageTables
import Translation
import VTdArchitecture

/// Looks into a unit for a check of how its software invalidates: what its caches hold, beside what the tables in memory say.
///
/// Looking changes nothing and takes no time. A unit that nobody looks into pays nothing for it.
public final class UnitInspection {
  private let unit: RemappingUnit
  private let scratch = UniqueBox(InspectionScratch())

  /// A look into a unit.
  public init(_ unit: RemappingUnit) { self.unit = unit }

  /// Calls `observer` before each invalidation of the unit's caches, in the order in which they take effect.
  public func observeInvalidations(_ observer: @escaping (InvalidationRequest) -> Void) {
    unit.place.pointee.translation.willInvalidate = observer
  }

  /// The cached translation that `request` meets: that of the IOTLB, or that of a walk under way.
  public func translation(for request: TranslationRequest, isUnderWay: Bool) -> IOTLBEntry? {
    guard let tag = tag(of: request) else { return nil }
    return isUnderWay
      ? unit.place.pointee.translation.pipeline.translationUnderWay(request.address, context: tag)
      : unit.place.pointee.translation.pipeline.cachedTranslation(request.address, context: tag)
  }

  /// The context and PASID entries that decide about `request`, cached and in memory; `nil` if it is answered without any.
  public func configuration(for request: TranslationRequest) -> ConfigurationInspection? {
    guard tag(of: request) != nil else { return nil }
    return unit.place.pointee.translation.resolver.inspect(request, with: &scratch.pointer.pointee)
  }

  /// The entry of a paging-structure cache that a walk of a context's tables for `input` starts below; `nil` if it starts at the root.
  ///
  /// - Parameter cache: `first` or `nested` for a first stage, `second` for a second one.
  public func tablePointer<Input: Address>(
    _ cache: WalkDescent.Cache, for input: Input, in context: TranslationContext
  ) -> TablePointer? {
    var rootLevel: UInt8 = 0
    if cache == .second {
      if case .vtd(let format) = context.secondStage { rootLevel = format.pointee.rootLevel }
    } else if case .x86(let format) = context.firstStage {
      rootLevel = format.pointee.rootLevel
    }
    return unit.place.pointee.translation.pipeline.tablePointer(
      cache, for: input, rootLevel: rootLevel, domain: context.domain, addressSpace: context.addressSpace)
  }

  /// The cached translation of the page of a first-stage table by a context's second stage.
  public func tableTranslation(of table: GuestPhysicalAddress, in context: TranslationContext) -> TablePointer? {
    unit.place.pointee.translation.pipeline.tableTranslation(of: table, domain: context.domain)
  }

  /// The cached upper-level entries that point to tables in a block of memory.
  public func tablePointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    unit.place.pointee.translation.pipeline.tablePointers(into: block, sizeLog2: sizeLog2)
  }

  private func tag(of request: TranslationRequest) -> UInt64? {
    guard case .translate(let tag) = unit.place.pointee.translation.resolver.admit(request) else { return nil }
    return tag
  }
}
