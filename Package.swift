// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"])
  ],
  targets: [
    .target(name: "Hardware"),
    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
  ],
  swiftLanguageModes: [.v6]
)
