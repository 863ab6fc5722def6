// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "PageTables", targets: ["PageTables"]),
    .library(name: "Translation", targets: ["Translation"]),
    .library(name: "VTdArchitecture", targets: ["VTdArchitecture"]),
    .library(name: "VTd", targets: ["VTd"]),
    .library(name: "HostDrivers", targets: ["HostDrivers"]),
  ],
  targets: [
    .target(name: "Hardware"),
    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
    .target(name: "PageTables", dependencies: ["Hardware"]),
    .target(name: "Translation", dependencies: ["Hardware", "PageTables"]),
    .testTarget(name: "TranslationTests", dependencies: ["Hardware", "PageTables", "Translation"]),
    .testTarget(name: "PageTablesTests", dependencies: ["Hardware", "PageTables"]),
    .target(name: "VTdArchitecture", dependencies: ["Hardware"]),
    .target(name: "VTd", dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture"]),
    .testTarget(name: "VTdArchitectureTests", dependencies: ["VTdArchitecture"]),
    .testTarget(name: "VTdTests", dependencies: ["Hardware", "VTdArchitecture", "VTd"]),
    .target(name: "HostDrivers", dependencies: ["Hardware", "PageTables", "VTdArchitecture"]),
    .testTarget(name: "HostDriversTests", dependencies: ["Hardware", "PageTables", "VTdArchitecture", "HostDrivers"]),
    .testTarget(
      name: "VTdDriverTests", dependencies: ["Hardware", "PageTables", "Translation", "VTdArchitecture", "VTd", "HostDrivers"]),
  ],
  swiftLanguageModes: [.v6]
)
