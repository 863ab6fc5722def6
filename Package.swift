// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "PageTables", targets: ["PageTables"]),
  ],
  targets: [
    .target(name: "Hardware"),
    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
    .target(name: "PageTables", dependencies: ["Hardware"]),
    .testTarget(name: "PageTablesTests", dependencies: ["Hardware", "PageTables"]),
  ],
  swiftLanguageModes: [.v6]
)
