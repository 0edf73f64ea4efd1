// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Shared holds nouns and wires, Services hold verbs. One folder in Services is one process, made of a library with what
// it does and an executable that lists it. An import between two services means "enqueues work for".

/// What nearly every process works with: nouns, servers, and what is kept in them.
let common: [Target.Dependency] = ["Domain", "Jobs", "PayPal", "Postgres", "Redis", "Sealing", "Store"]

let package = Package(
    name: "gatehouse",
    products: [
        .executable(name: "ingress", targets: ["ingress"]),
        .executable(name: "fulfillment", targets: ["fulfillment"]),
        .executable(name: "reconciliation", targets: ["reconciliation"]),
        .executable(name: "notifications", targets: ["notifications"]),
        .executable(name: "renewals", targets: ["renewals"]),
        .executable(name: "product-api", targets: ["product-api"]),
        .executable(name: "gatehouse", targets: ["gatehouse"]),
        .executable(name: "sandbox", targets: ["sandbox"]),
        .library(name: "power-cut", type: .dynamic, targets: ["CPowerCut"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // MARK: The C libraries below us

        system("CHiredis", pkgConfig: "hiredis", apt: "libhiredis-dev"),
        system("CLibPQ", pkgConfig: "libpq", apt: "libpq-dev"),
        system("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),

        // MARK: Nouns and rules

        shared("Domain"),

        // MARK: Wires: strangers to payments

        shared("Redis", ["CHiredis", .crypto, .nio, .nioPosix, .nioSSL, .log]),
        shared("Postgres", ["CLibPQ", .log]),
        shared(
            "Jobs",
            ["Redis", .lifecycle, .log, .metrics],
            exclude: ["README.md"],
            resources: [.embedInCode("Scripts")]
        ),
        shared("Sealing", [.crypto]),
        shared("Addresses"),
        shared("Spawning"),
        shared("Outbound", ["Addresses", .crypto, .nio, .nioHTTP1, .nioPosix, .nioSSL]),

        // MARK: What we keep, and whom we hear from

        shared("Store", ["Domain", "Postgres", .crypto], resources: [.embedInCode("Migrations")]),
        shared("ThriveCart", ["Domain", "Sealing", .asyncHTTPClient, .crypto, .nio, .nioHTTP1]),
        shared(
            "PayPal",
            [
                "COpenSSL", "Domain", "Redis", "Sealing", .asyncHTTPClient, .log, .nio, .nioFoundation, .nioHTTP1,
                .nioPosix,
            ],
            resources: [.embedInCode("Webhooks/Roots")]
        ),

        // MARK: What every process has

        shared(
            "Web",
            ["Addresses", "Sealing", .hummingbird, .httpTypes, .nio, .nioHTTP1, .nioHTTPTypes, .log, .metrics]
        ),
        shared(
            "Boot",
            common + ["Addresses", "Outbound", "Web", .configuration, .hummingbird, .lifecycle, .log, .metrics, .nio]
        ),

        // MARK: The processes

        service(
            "Ingress",
            "IngressRoutes",
            [
                "Addresses", "Domain", "FulfillmentJobs", "Jobs", "Outbound", "PayPal", "Redis", "Sealing",
                "ThriveCart", "Web", .hummingbird, .httpTypes, .lifecycle, .nio, .log, .metrics,
            ]
        ),
        main("ingress", in: "Ingress", ["IngressRoutes", "PayPal", "Redis", .log]),

        service("Fulfillment", "FulfillmentJobs", common + ["ThriveCart", .log, .metrics]),
        main("fulfillment", in: "Fulfillment", ["FulfillmentJobs", "PayPal"]),

        service(
            "Reconciliation",
            "ReconciliationJobs",
            common + ["FulfillmentJobs", "ThriveCart", .asyncHTTPClient, .log, .metrics]
        ),
        main(
            "reconciliation",
            in: "Reconciliation",
            ["Domain", "FulfillmentJobs", "PayPal", "ReconciliationJobs", .asyncHTTPClient, .lifecycle]
        ),

        service(
            "Notifications",
            "NotificationJobs",
            [
                "Domain", "Jobs", "Outbound", "Postgres", "Redis", "Sealing", "Spawning", "Store", .lifecycle, .log,
                .metrics, .mustache,
            ],
            exclude: ["README.md"],
            resources: [.embedInCode("Mail/Templates")]
        ),
        main("notifications", in: "Notifications", ["NotificationJobs", "Outbound", .lifecycle]),

        service(
            "ProductAPI",
            "ProductAPIRoutes",
            common + ["Outbound", "Web", .hummingbird, .httpTypes, .log, .nio],
            exclude: ["README.md"],
            resources: [.embedInCode("Reference/Files")]
        ),
        main("product-api", in: "ProductAPI", ["Outbound", "PayPal", "ProductAPIRoutes"]),

        service("Renewals", "RenewalJobs", common + [.log, .metrics]),
        main("renewals", in: "Renewals", ["Domain", "RenewalJobs"]),

        service(
            "Control",
            "ControlCommands",
            [
                "Domain", "FulfillmentJobs", "Jobs", "NotificationJobs", "Outbound", "PayPal", "Postgres",
                "ReconciliationJobs", "Redis", "RenewalJobs", "SandboxPages", "Sealing", "Store", "ThriveCart",
                .arguments, .asyncHTTPClient, .log, .nio, .nioHTTP1,
            ]
        ),
        main(
            "gatehouse",
            in: "Control",
            ["ControlCommands", "Outbound", "PayPal", "Redis", "Sealing", .configuration, .log]
        ),

        service(
            "Sandbox",
            "SandboxPages",
            [
                "Boot", "Domain", "Sealing", "ThriveCart", "Web", .hummingbird, .httpTypes, .mustache, .asyncHTTPClient,
                .asn1, .certificates, .crypto, .cryptoExtras, .lifecycle, .log, .nio, .nioHTTP1,
            ],
            exclude: ["README.md"],
            resources: [.embedInCode("Pages/Templates"), .embedInCode("PayPal/Pages/Templates")]
        ),
        main("sandbox", in: "Sandbox", ["SandboxPages"]),

        // MARK: Tests

        kit(
            "TestKit",
            [
                "COpenSSL", "Domain", "Jobs", "PayPal", "Postgres", "Redis", "Sealing", "Spawning", "Store", "Web",
                .asyncHTTPClient, .hummingbird, .httpTypes, .log, .nio, .nioHTTP1, .nioPosix,
            ]
        ),
        tests("Domain", ["RenewalSimulation"]),
        tests("Redis", [.log, .nio, .nioPosix]),
        tests("Postgres"),
        kit("QueueSimulation", ["Jobs", "Redis", .log]),
        tool("simulate-queue", in: "SimulateQueue", ["Jobs", "QueueSimulation", "Redis", "TestKit", .arguments, .log]),
        tests("Jobs", ["QueueSimulation", "Redis"]),
        tests("Sealing", ["COpenSSL"]),
        tests("Addresses"),
        tests("Outbound", ["Addresses", .asyncHTTPClient, .nio, .nioHTTP1, .nioPosix]),
        tests("Store", ["Domain", "Postgres"]),
        tests("ThriveCart", ["Domain"]),
        processTests("Fulfillment", ["FulfillmentJobs"]),
        processTests("PayPal", ["SandboxKit", "SandboxPages"]),
        tests("Web", ["Addresses", .hummingbird, .httpTypes, .log, .metrics]),
        tests(
            "Boot",
            [
                "Jobs", "PayPal", "Postgres", "Redis", "Sealing", "Web", "fulfillment", "ingress", "notifications",
                "product-api", "reconciliation", "renewals", "sandbox", .configuration, .log,
            ]
        ),
        processTests("Ingress", ["IngressRoutes", "FulfillmentJobs", "ThriveCart", "ingress", .lifecycle]),
        processTests(
            "Control",
            [
                "ControlCommands", "gatehouse", "fulfillment", "FulfillmentJobs", "IngressRoutes", "RenewalJobs",
                "ThriveCart", .lifecycle,
            ]
        ),
        kit(
            "SandboxKit",
            [
                "Domain", "FaultKit", "Postgres", "SandboxPages", "Seeds", "Store", "TestKit", "Web", .asyncHTTPClient,
                .log, .nio, .nioHTTP1,
            ]
        ),
        processTests("Sandbox", ["SandboxPages", "SandboxKit", "ThriveCart"]),
        processTests("Renewal", ["RenewalJobs", "notifications", "renewals", "SandboxKit", "SandboxPages"]),
        processTests(
            "Reconciliation",
            [
                "ReconciliationJobs", "SandboxPages", "reconciliation", "ingress", "fulfillment", "gatehouse",
                "notifications", "renewals", "FaultKit", "FulfillmentJobs", "SandboxKit", "Seeds", "ThriveCart",
            ]
        ),
        processTests(
            "ProductAPI",
            [
                "Addresses", "ProductAPIRoutes", "product-api", "NotificationJobs", "Outbound", "SandboxKit",
                "SandboxPages",
            ]
        ),
        tests("Deployment", of: [], ["Boot", "Web", .hummingbird, .httpTypes]),

        // MARK: The whole system: its journeys, its faults, its speed

        kit("Seeds"),
        kit("RenewalSimulation", ["Domain", "Seeds"]),
        tool("simulate-renewals", in: "SimulateRenewals", ["Domain", "RenewalSimulation", .arguments]),
        kit(
            "FaultKit",
            ["Domain", "Postgres", "Redis", "Sealing", "Seeds", "Store", "TestKit", .asyncHTTPClient, .nio, .nioHTTP1],
            in: "Faults",
            but: ["Careless", "Check", "PowerCut"]
        ),
        .target(name: "CPowerCut", path: "Tests/Faults/PowerCut"),
        tool(
            "careless-fulfillment",
            in: "Faults/Careless",
            ["Boot", "FulfillmentJobs", "Jobs", "Postgres", "Store", "Web"]
        ),
        tool(
            "faults",
            in: "Faults/Check",
            [
                "Domain", "FaultKit", "Jobs", "Postgres", "Redis", "SandboxKit", "SandboxPages", "Seeds", "Store",
                "TestKit", "ThriveCart", .arguments, .asyncHTTPClient,
            ]
        ),
        processTests(
            "Notification",
            [
                "Addresses", "NotificationJobs", "notifications", "product-api", "ingress", "gatehouse", "Outbound",
                .nioPosix,
            ]
        ),
        processTests(
            "Journey",
            [
                "ingress", "fulfillment", "gatehouse", "notifications", "product-api", "sandbox", "FaultKit",
                "FulfillmentJobs", "IngressRoutes", "SandboxKit", "SandboxPages", "Seeds", "ThriveCart",
            ]
        ),
        tool(
            "bench",
            in: "Bench",
            [
                "Domain", "FaultKit", "FulfillmentJobs", "Jobs", "NotificationJobs", "PayPal", "Postgres", "Redis",
                "RenewalJobs", "Sealing", "Seeds", "Store", "TestKit", "notifications", "renewals", "sandbox",
                .arguments, .asyncHTTPClient, .lifecycle, .log, .nio, .nioHTTP1,
            ]
        ),
    ]
)

// MARK: How a target is written

extension [SwiftSetting] {
    static var strict: Self {
        [
            .swiftLanguageMode(.v6),
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
        ]
    }
}

/// A C library that the system provides.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A library that any process may use.
func shared(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Shared/\(name)",
        exclude: exclude,
        resources: resources,
        swiftSettings: .strict
    )
}

/// What one process does: everything in its folder but `Main.swift`.
func service(
    _ folder: String,
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Services/\(folder)",
        exclude: ["Main.swift"] + exclude,
        resources: resources,
        swiftSettings: .strict
    )
}

/// The process itself: `Main.swift` alone, which joins the parts that all of them have with what is its own.
func main(_ name: String, in folder: String, _ own: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Boot", "Jobs", "Postgres", "Store", "Web"] + own,
        path: "Services/\(folder)",
        exclude: everything(in: "Services/\(folder)", but: "Main.swift"),
        sources: ["Main.swift"],
        swiftSettings: .strict
    )
}

/// The library's files, which SwiftPM would otherwise list as unhandled at every build.
func everything(in folder: String, but name: String) -> [String] {
    let entries = try? FileManager.default.contentsOfDirectory(atPath: "\(Context.packageDirectory)/\(folder)")
    return (entries ?? []).filter { $0 != name }.sorted()
}

/// What several tests have in common.
func kit(_ name: String, _ more: [Target.Dependency] = [], in folder: String? = nil, but: [String] = []) -> Target {
    let path = "Tests/\(folder ?? name)"
    return .target(name: name, dependencies: more, path: path, exclude: but, swiftSettings: .strict)
}

/// A program for whoever works on Gatehouse.
func tool(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "Tests/\(folder)", swiftSettings: .strict)
}

/// The tests of what a process does, on real servers.
func processTests(_ name: String, _ more: [Target.Dependency]) -> Target {
    tests(name, of: common + ["Web", .asyncHTTPClient, .httpTypes, .hummingbird, .log, .nio, .nioHTTP1], more)
}

/// The tests of one module, with what they need besides it.
func tests(_ name: String, of tested: [Target.Dependency]? = nil, _ more: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: (tested ?? [.target(name: name)]) + ["TestKit"] + more,
        path: "Tests/\(name)Tests",
        swiftSettings: .strict
    )
}

extension Target.Dependency {
    static var arguments: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var asyncHTTPClient: Self { .product(name: "AsyncHTTPClient", package: "async-http-client") }
    static var asn1: Self { .product(name: "SwiftASN1", package: "swift-asn1") }
    static var certificates: Self { .product(name: "X509", package: "swift-certificates") }
    static var configuration: Self { .product(name: "Configuration", package: "swift-configuration") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var cryptoExtras: Self { .product(name: "CryptoExtras", package: "swift-crypto") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var lifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var log: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "Metrics", package: "swift-metrics") }
    static var mustache: Self { .product(name: "Mustache", package: "swift-mustache") }
    static var nio: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioFoundation: Self { .product(name: "NIOFoundationCompat", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioHTTPTypes: Self { .product(name: "NIOHTTPTypes", package: "swift-nio-extras") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
}
