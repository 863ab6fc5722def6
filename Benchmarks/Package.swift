// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim-benchmarks",
  products: [.executable(name: "benchmarks", targets: ["Benchmarks"])],
  dependencies: [
    .package(name: "iommusim", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .target(name: "CYardstick", linkerSettings: [.linkedLibrary("zstd")]),
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "CYardstick",
        .product(name: "Hardware", package: "iommusim"),
        .product(name: "PageTables", package: "iommusim"),
        .product(name: "DMATrace", package: "iommusim"),
        // Built beside the benchmarks, which run it.
        .product(name: "iommusim", package: "iommusim"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
