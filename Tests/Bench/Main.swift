import ArgumentParser
import Foundation
import TestKit

/// Measures the product beside a yardstick, both in one run on the same servers.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure, each figure beside its yardstick.",
        discussion: """
            WHAT
            \(Measure.all.map { "  \($0.name.padding(toLength: 14, withPad: " ", startingAt: 0))\($0.what)" }
                .joined(separator: "\n"))

            EXAMPLE
              swift run -c release bench queue --seconds 5
              swift run -c release bench all --markdown
            """
    )

    @Argument(help: "What to measure, or all.")
    var name: String

    @Option(help: "About how long each figure takes.")
    var seconds: Double = 4

    @Flag(help: "Print the README's table.")
    var markdown = false

    func validate() throws {
        guard name == "all" || Measure.all.contains(where: { $0.name == name }) else {
            throw ValidationError("What to measure: \(Measure.all.map(\.name).joined(separator: ", ")), or all.")
        }
        guard (0.5...600).contains(seconds) else { throw ValidationError("--seconds must be between 0.5 and 600.") }
    }

    func run() async throws {
        var figures: [Figure] = []
        for measure in Measure.all where name == "all" || measure.name == name {
            let machine = Machine()
            let measured = try await measure.run(seconds)
            let foreign = machine.foreignShare()
            if !markdown {
                for line in measured.flatMap(\.lines) { print(line) }
                print("    others took \((foreign * 100).rounded(to: 0)) % of the processors meanwhile")
            }
            figures += measured.map { figure in
                var figure = figure
                figure.foreign = foreign
                return figure
            }
        }
        if markdown {
            print(Figure.markdownHead)
            for figure in figures { print(figure.markdown) }
        }
        if figures.contains(where: { $0.goal?.met == false }) { throw ExitCode(1) }
    }
}

/// Something that can be measured. A new one is a line here.
struct Measure: Sendable {
    var name: String
    var what: String
    /// Takes about so many seconds a figure.
    var run: @Sendable (_ seconds: Double) async throws -> [Figure]

    static let all = [
        Measure(name: "queue", what: "Enqueueing and running jobs that do nothing.") { seconds in
            try await QueueBench(seconds: seconds, isDurable: false).run()
                + QueueBench(seconds: seconds, isDurable: true).run()
        },
        Measure(name: "latency", what: "From enqueue to start on an idle queue.") {
            try await LatencyBench(seconds: $0).run()
        },
        Measure(name: "memory", what: "Bytes of Redis for a waiting job.") { _ in try await MemoryBench().run() },
        Measure(name: "ingress", what: "Webhooks accepted, each on disk.") {
            try await IngressBench(seconds: $0).run()
        },
        Measure(name: "fulfillment", what: "Purchases applied.") { try await FulfillmentBench(seconds: $0).run() },
        Measure(name: "deliveries", what: "Signed POSTs to a receiver, each attempt kept.") {
            try await DeliveryBench(seconds: $0).run()
        },
        Measure(name: "fairness", what: "Waiting for the first attempt while other endpoints hang.") {
            try await FairnessBench(seconds: $0).run()
        },
        Measure(name: "product-api", what: "Orders created and captured, 200 requests a second.") {
            try await ProductAPIBench(seconds: $0).run()
        },
        Measure(name: "renewals", what: "Finding what is due, of a million subscriptions; charging it.") {
            try await RenewalBench().run() + ChargeBench(seconds: $0).run()
        },
        Measure(name: "access", what: "Is this member allowed, of a million.") {
            try await AccessBench(seconds: $0).run()
        },
    ]
}
