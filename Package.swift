// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "VTdArchitecture", targets: ["VTdArchitecture"]),
  ],
  targets: [
    .target(name: "Hardware"),
    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
    .target(name: "VTdArchitecture", dependencies: ["Hardware"]),
    .testTarget(name: "VTdArchitectureTests", dependencies: ["VTdArchitecture"]),
  ],
  swiftLanguageModes: [.v6]
)
