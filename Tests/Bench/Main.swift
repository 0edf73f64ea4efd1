import ArgumentParser

/// Measures the product beside a yardstick, both in one run on the same servers.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure, each figure beside its yardstick.",
        discussion: "Example: swift run -c release bench queue --seconds 5"
    )

    enum Name: String, CaseIterable, ExpressibleByArgument {
        case queue, latency, memory, deliveries, fairness, all
    }

    @Argument(help: "What to measure: \(Name.allCases.map(\.rawValue).joined(separator: ", ")).")
    var name: Name

    @Option(help: "About how long each figure takes.")
    var seconds: Double = 4

    @Flag(help: "Print the README's table.")
    var markdown = false

    func run() async throws {
        var figures: [Figure] = []
        for one in name == .all ? Name.allCases.filter({ $0 != .all }) : [name] {
            let measured = try await measure(one)
            if !markdown { for line in measured.flatMap(\.lines) { print(line) } }
            figures += measured
        }
        if markdown {
            print(Figure.markdownHead)
            for figure in figures { print(figure.markdown) }
        }
        if figures.contains(where: { $0.goal?.met == false }) { throw ExitCode(1) }
    }

    private func measure(_ name: Name) async throws -> [Figure] {
        switch name {
        case .queue:
            try await QueueBench(seconds: seconds, isDurable: false).run()
                + QueueBench(seconds: seconds, isDurable: true).run()
        case .latency: try await LatencyBench(seconds: seconds).run()
        case .memory: try await MemoryBench().run()
        case .deliveries: try await DeliveryBench(seconds: seconds).run()
        case .fairness: try await FairnessBench(seconds: seconds).run()
        case .all: []
        }
    }
}
