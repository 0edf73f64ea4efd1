import ArgumentParser
import Foundation

/// How a simulated event is delivered, and how long its effects are waited for.
struct DeliveryOptions: ParsableArguments {
    enum Encoding: String, ExpressibleByArgument, CaseIterable, Sendable {
        case form, json
    }

    @OptionGroup var site: SiteOption

    @Option(
        name: .long,
        help: ArgumentHelp("Where the ingress is, or the whole address of a webhook (default: APP_URL).", valueName: "address")
    )
    var url: String?

    @Option(name: .long, help: "How the bodies are written.")
    var encoding = Encoding.form

    @Option(name: .customLong("repeat"), help: "How often each body is delivered, 1 to 1000.")
    var times = 1

    @Flag(name: .long, help: "Deliver in any order.")
    var shuffle = false

    @Flag(name: .long, help: "Deliver also what the Event Subscription API tells of the same.")
    var twins = false

    @Option(
        name: .long,
        help: ArgumentHelp("When it happens (default: now).", valueName: "time"),
        transform: Reading.moment
    )
    var at: Date?

    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait for what comes of it (default: 10s); 0s does not wait.", valueName: "time"),
        transform: Reading.span
    )
    var wait: Duration = .seconds(10)

    func validate() throws {
        guard (1...1000).contains(times) else { throw ValidationError("--repeat must be between 1 and 1000.") }
        if let url {
            guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme), parsed.host?.isEmpty == false
            else { throw ValidationError("--url takes an address such as http://127.0.0.1:8080.") }
        }
    }

    /// When it happens, in ThriveCart's whole seconds.
    func moment(or now: Date) -> Date {
        Date(timeIntervalSince1970: (at ?? now).timeIntervalSince1970.rounded(.down))
    }

    /// The address that is posted to: an address without a path is the ingress's.
    func address(of slug: String, at ingress: String) -> String {
        guard let url else { return "\(ingress)/webhooks/thrivecart/\(slug)" }
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let path = URL(string: url)?.path ?? ""
        return path.isEmpty || path == "/" ? "\(base)/webhooks/thrivecart/\(slug)" : url
    }
}
