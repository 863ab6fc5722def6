/// One line of a file of conformance cases.
public enum ConformanceCase: Sendable {
  /// A whole IOMMU: tables in memory, register writes, then steps with what each must show.
  case iommu(IOMMUCase)
  /// Page tables, alone or behind the structures that lead to them, and what addresses translate to.
  case pageTable(PageTableCase)
  /// Entries of structures, field by field.
  case entry(EntryCase)
  /// A case of a kind that is known and not modelled.
  case unmodelled(CaseHeader)

  /// What names the case.
  public var header: CaseHeader {
    switch self {
    case .iommu(let value): value.header
    case .pageTable(let value): value.header
    case .entry(let value): value.header
    case .unmodelled(let header): header
    }
  }
}

/// What names a case and says how far to believe it.
public struct CaseHeader: Hashable, Sendable {
  /// How far a case's expectations agree with the architecture.
  public enum Trust: String, Hashable, Sendable {
    /// No disagreement is known in its category.
    case ok
    /// What was observed may deviate from the architecture; `Deviation` says how.
    case check
    /// What was observed is a known error of the emulator: never a measure.
    case qemu
  }

  /// The name, unique in its file.
  public var id: String
  /// The category of a whole-IOMMU case, the kind of any other.
  public var category: String
  /// How far to believe it; cases of tables that driver code wrote are believed.
  public var trust: Trust
  /// Whether the case is about tables or entries rather than a whole IOMMU.
  public var concernsTables: Bool

  /// A header.
  public init(id: String, category: String, trust: Trust = .ok, concernsTables: Bool) {
    self.id = id
    self.category = category
    self.trust = trust
    self.concernsTables = concernsTables
  }
}

/// A stage of translation.
public enum TranslationStage: Hashable, Sendable, CaseIterable {
  /// From the address of a request.
  case first
  /// From a guest physical address, or from the address of a request where there is no first stage.
  case second
}
