// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "PageTables", targets: ["PageTables"]),
    .library(name: "VTdArchitecture", targets: ["VTdArchitecture"]),
    .library(name: "Translation", targets: ["Translation"]),
    .library(name: "VTd", targets: ["VTd"]),
    .library(name: "Endpoints", targets: ["Endpoints"]),
    .library(name: "HostDrivers", targets: ["HostDrivers"]),
    .library(name: "Machine", targets: ["Machine"]),
    .library(name: "Compression", targets: ["Compression"]),
    .library(name: "DMATrace", targets: ["DMATrace"]),
    .library(name: "Replay", targets: ["Replay"]),
    .library(name: "Conformance", targets: ["Conformance"]),
    .library(name: "Inspection", targets: ["Inspection"]),
    .library(name: "Reports", targets: ["Reports"]),
    .executable(name: "iommusim", targets: ["iommusim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "Hardware"),
    .target(name: "PageTables", dependencies: ["Hardware"]),
    .target(name: "VTdArchitecture", dependencies: ["Hardware"]),
    .target(name: "Translation", dependencies: ["Hardware", "PageTables"]),
    .target(name: "VTd", dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture"]),
    .target(name: "Endpoints", dependencies: ["Hardware", "Translation"]),
    .target(name: "HostDrivers", dependencies: ["Hardware", "PageTables", "VTdArchitecture"]),
    .target(
      name: "Machine",
      dependencies: [
        "Hardware", "PageTables", "Compression", "Translation", "VTdArchitecture", "VTd", "Endpoints", "HostDrivers",
        .product(name: "Yams", package: "Yams"),
      ],
      resources: [.embedInCode("Presets")]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "Compression", dependencies: ["CZstd"]),
    .target(name: "DMATrace", dependencies: ["Hardware", "Compression"]),
    .target(
      name: "Replay",
      dependencies: [
        "Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "Endpoints", "HostDrivers", "Machine", "DMATrace",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]),
    .target(
      name: "Conformance",
      dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "Machine", "Compression"]),
    .target(name: "Inspection", dependencies: ["Hardware", "VTdArchitecture"]),
    .target(
      name: "Reports", dependencies: ["Hardware", "Translation", "VTdArchitecture", "VTd", "Machine", "Replay", "Inspection"]),
    .executableTarget(
      name: "iommusim",
      dependencies: [
        "Hardware", "VTdArchitecture", "Machine", "DMATrace", "Replay", "Conformance", "Inspection", "Reports",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
    .testTarget(name: "PageTablesTests", dependencies: ["Hardware", "PageTables"]),
    .testTarget(name: "VTdArchitectureTests", dependencies: ["Hardware", "VTdArchitecture"]),
    .testTarget(name: "TranslationTests", dependencies: ["Hardware", "PageTables", "Translation"]),
    .testTarget(name: "VTdTests", dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "Endpoints"]),
    .testTarget(name: "EndpointsTests", dependencies: ["Hardware", "Translation", "Endpoints"]),
    .testTarget(name: "HostDriversTests", dependencies: ["Hardware", "PageTables", "VTdArchitecture", "HostDrivers"]),
    .testTarget(
      name: "VTdDriverTests", dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "HostDrivers"]),
    .testTarget(name: "MachineTests", dependencies: ["Machine"]),
    .testTarget(name: "CompressionTests", dependencies: ["Compression"]),
    .testTarget(name: "DMATraceTests", dependencies: ["DMATrace"], resources: [.copy("Fixtures")]),
    .testTarget(
      name: "ReplayTests",
      dependencies: [
        "Hardware", "PageTables", "Compression", "Translation", "VTdArchitecture", "VTd", "HostDrivers", "Machine", "DMATrace", "Replay",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "ConformanceTests",
      dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "Compression", "Conformance"],
      resources: [.copy("Corpus")]),
    .testTarget(name: "InspectionTests", dependencies: ["Hardware", "PageTables", "VTdArchitecture", "Inspection"]),
    .testTarget(name: "ReportsTests", dependencies: ["DMATrace", "Reports"]),
    .testTarget(name: "iommusimTests", dependencies: ["iommusim"]),
  ],
  swiftLanguageModes: [.v6]
)
