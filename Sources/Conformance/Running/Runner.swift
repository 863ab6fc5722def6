import Hardware

/// Runs files of conformance cases and says what each came to.
public struct Runner {
  /// Which cases to run and how much to say.
  public struct Options: Hashable, Sendable {
    /// Only cases about tables and entries.
    public var tablesOnly = false
    /// Only cases of this category, or of categories that begin with it and a hyphen.
    public var category: String?
    /// The table entries on the way of each failure, the deviations that judged a case, every failure of a case.
    public var verbose = false

    /// Everything, tersely.
    public init() {}

    func selects(_ header: CaseHeader) -> Bool {
      if tablesOnly, !header.concernsTables { return false }
      guard let category else { return true }
      return header.category == category || header.category.hasPrefix(category + "-")
    }
  }

  /// Failures of one case that are printed unless everything is asked for.
  static let printedFailures = 5

  private let factory: any CaseMachineFactory
  private let options: Options
  private let print: (String) -> Void

  /// A runner on machines of the factory; lines without their ends go to `print`.
  public init(_ factory: any CaseMachineFactory, options: Options = Options(), print: @escaping (String) -> Void) {
    self.factory = factory
    self.options = options
    self.print = print
  }

  /// Runs the cases of the files, printing a line for each failure, then a table by file and category, then the totals.
  ///
  /// - Throws: `ConformanceError` for a file that cannot be used; what precedes the error has been run and printed.
  public func run(_ paths: [String]) throws(ConformanceError) -> Tally {
    var tally = Tally()
    for path in paths {
      var reader = try CaseReader(path: path)
      while let next = try reader.next() {
        guard options.selects(next.header) else { continue }
        let result: CaseResult
        do {
          result = try run(next)
        } catch {
          throw .memory(path: path, line: reader.lineNumber, message: "case \(next.header.id): \(error)")
        }
        report(result, path: path)
        tally.add(result, path: path)
      }
    }
    for line in tally.table { print(line) }
    print(tally.totals)
    return tally
  }

  /// Runs one case, if it is to be believed and of a kind that is modelled.
  ///
  /// - Throws: what the memory or the machine of the case cannot be made for.
  public func run(_ test: ConformanceCase) throws -> CaseResult {
    var result = CaseResult(header: test.header)
    if test.header.trust == .qemu {
      result.skipped = .untrusted
      return result
    }
    switch test {
    case .unmodelled: result.skipped = .kind
    case .iommu(let test):
      var runner = try IOMMUCaseRunner(test, factory: factory)
      result = runner.run()
    case .entry(let test):
      var runner = EntryCaseRunner(test)
      result = runner.run()
    case .pageTable(let test):
      var runner = try PageTableCaseRunner(test, factory: factory)
      result = try runner.run()
    }
    return result
  }

  private func report(_ result: CaseResult, path: String) {
    let shown = options.verbose ? result.failures[...] : result.failures.prefix(Self.printedFailures)
    for failure in shown {
      print("\(path): \(result.header.id): \(failure.place): \(failure.action): expected \(failure.expected), got \(failure.got)")
      if options.verbose {
        for entry in failure.walk { print("    \(entry)") }
      }
    }
    if shown.count < result.failures.count {
      print("\(path): \(result.header.id): \(result.failures.count - shown.count) more failures of this case")
    }
    if options.verbose, !result.deviations.isEmpty {
      let names = result.deviations.map(\.rawValue).sorted().joined(separator: ", ")
      print("\(path): \(result.header.id): judged by the architecture, not by what was observed: \(names)")
    }
  }
}
