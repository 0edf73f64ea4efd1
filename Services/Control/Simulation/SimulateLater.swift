import ArgumentParser
import Domain
import Foundation
import ThriveCart

// What happens to an order after its sale. Each command finds the order in the store and tells the next thing about it.

struct SimulateRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "renewal",
        abstract: "A renewal is paid.",
        discussion: """
            EXAMPLE
              gatehouse simulate renewal --email ana@example.com
              gatehouse simulate renewal --order 70000001 --remaining 0
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions

    @Option(name: .long, help: "Which renewal, 1 for the first (default: the next one).")
    var number: Int?

    @Option(name: .long, help: "Payments of a payment plan that are still to come; 0 completes it.")
    var remaining: Int?

    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard number.map({ (1...10_000).contains($0) }) ?? true, remaining.map({ (0...10_000).contains($0) }) ?? true else {
            throw ValidationError("--number and --remaining must be between 0 and 10000, --number at least 1.")
        }
    }

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: true, at: desk) { known, moment in
            let n = number ?? known.renewals + 1
            var item = known.item
            if let remaining { item.subscription?.renewals = n + remaining }
            let nextDue = known.frequency.next(after: max(moment, known.paidThrough ?? moment))
            return .renewal(
                n,
                of: item,
                in: known.order,
                at: moment,
                nextDue: item.subscription?.renewals == n ? nil : nextDue,
                record: SimulatedNumber.record()
            )
        }
    }
}

struct SimulateDecline: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "decline",
        abstract: "A renewal is declined.",
        discussion: """
            EXAMPLE
              gatehouse simulate decline --email ana@example.com
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions
    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: true, at: desk) { known, moment in
            .decline(known.renewals + 1, of: known.item, in: known.order, at: moment)
        }
    }
}

struct SimulateRefund: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "refund",
        abstract: "Money is given back.",
        discussion: """
            Without --amount all that the sale took for the item.

            EXAMPLE
              gatehouse simulate refund --email ana@example.com --item bump-7
              gatehouse simulate refund --order 70000001 --amount 10.00
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions

    @Option(name: .long, help: "How much.", transform: Reading.money)
    var amount: Int64?

    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: false, at: desk) { known, moment in
            .refund(
                amount ?? known.item.price,
                of: known.item,
                in: known.order,
                at: moment,
                record: SimulatedNumber.record()
            )
        }
    }
}

struct SimulateCancel: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "A subscription is cancelled; what is paid stays.",
        discussion: """
            EXAMPLE
              gatehouse simulate cancel --email ana@example.com
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions
    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: true, at: desk) { known, moment in
            .cancellation(
                of: known.item,
                in: known.order,
                at: moment,
                periodEnd: known.paidThrough,
                record: SimulatedNumber.record()
            )
        }
    }
}

struct SimulatePause: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "A subscription is paused.",
        discussion: """
            EXAMPLE
              gatehouse simulate pause --email ana@example.com
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions
    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: true, at: desk) { known, moment in
            .pause(of: known.item, in: known.order, at: moment, periodEnd: known.paidThrough)
        }
    }
}

struct SimulateResume: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "A paused subscription goes on.",
        discussion: """
            EXAMPLE
              gatehouse simulate resume --email ana@example.com
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @OptionGroup var which: OrderOptions
    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        try await delivery.tell(about: which, renewing: true, at: desk) { known, moment in
            .resume(of: known.item, in: known.order, at: moment, nextDue: known.frequency.next(after: moment))
        }
    }
}

extension DeliveryOptions {
    /// Finds the order, makes the post about it, delivers it and watches what comes of it.
    fileprivate func tell(
        about which: OrderOptions,
        renewing: Bool,
        at desk: Desk,
        _ post: (KnownOrder, Date) -> ThriveCartPost
    ) async throws -> SimulationReply {
        let now = Date.now
        let simulated = try await SimulatedSite.find(site, at: desk, now: now)
        let known = try await KnownOrder.find(which, of: simulated, renewing: renewing, at: desk)
        let simulation = Simulation(
            site: simulated.site,
            email: known.email,
            order: known.order.number,
            items: [known.item.key],
            delivery: self
        )
        return try await simulation.run([post(known, moment(or: now))], at: desk)
    }
}
