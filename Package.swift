// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "iommusim",
  products: [
    .library(name: "Hardware", targets: ["Hardware"]),
    .library(name: "CZstd", targets: ["CZstd"]),
    .library(name: "Compression", targets: ["Compression"]),
    .library(name: "DMATrace", targets: ["DMATrace"]),
  ],
  targets: [
    .target(name: "Hardware"),
    .testTarget(name: "HardwareTests", dependencies: ["Hardware"]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "Compression", dependencies: ["CZstd"]),
    .testTarget(name: "CompressionTests", dependencies: ["Compression"]),
    .target(name: "DMATrace", dependencies: ["Hardware", "Compression"]),
    .testTarget(name: "DMATraceTests", dependencies: ["DMATrace"], resources: [.copy("Fixtures")]),
  ],
  swiftLanguageModes: [.v6]
)
