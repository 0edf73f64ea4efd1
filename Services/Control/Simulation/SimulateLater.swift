import ArgumentParser
import Domain
import Foundation
import ThriveCart

/// Something that happens to an order after its sale: what it is called, what can be said about it, and the post that
/// tells it.
protocol LaterFact: ParsableArguments {
    static var name: String { get }
    static var abstract: String { get }
    static var discussion: String { get }
    /// Whether it only makes sense for an item that renews.
    static var renewing: Bool { get }

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost
}

extension LaterFact {
    static var renewing: Bool { true }
}

/// Finds the order, makes the post about it, delivers it and watches what comes of it.
struct SimulateLater<Fact: LaterFact>: OperatorCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: Fact.name, abstract: Fact.abstract, discussion: Fact.discussion)
    }

    static var needs: Set<Need> { [.database, .keys] }

    @OptionGroup var which: OrderOptions
    @OptionGroup var fact: Fact
    @OptionGroup var delivery: DeliveryOptions
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SimulationReply {
        let now = Date.now
        let simulated = try await SimulatedSite.find(delivery.site, at: desk, now: now)
        let known = try await KnownOrder.find(which, of: simulated, renewing: Fact.renewing, at: desk)
        let simulation = Simulation(
            site: simulated.site,
            email: known.email,
            order: known.order.number,
            items: [known.item.key],
            delivery: delivery
        )
        return try await simulation.run([fact.post(about: known, at: delivery.moment(or: now))], at: desk)
    }
}

struct RenewalFact: LaterFact {
    static let name = "renewal"
    static let abstract = "A renewal is paid."
    static let discussion = """
        EXAMPLE
          gatehouse simulate renewal --email ana@example.com
          gatehouse simulate renewal --order 70000001 --remaining 0
        """

    @Option(name: .long, help: "Which renewal, 1 for the first (default: the next one).")
    var number: Int?

    @Option(name: .long, help: "Payments of a payment plan that are still to come; 0 completes it.")
    var remaining: Int?

    func validate() throws {
        guard number.map({ (1...10_000).contains($0) }) ?? true, remaining.map({ (0...10_000).contains($0) }) ?? true
        else {
            throw ValidationError("--number and --remaining must be between 0 and 10000, --number at least 1.")
        }
    }

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
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

struct DeclineFact: LaterFact {
    static let name = "decline"
    static let abstract = "A renewal is declined."
    static let discussion = """
        EXAMPLE
          gatehouse simulate decline --email ana@example.com
        """

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
        .decline(known.renewals + 1, of: known.item, in: known.order, at: moment)
    }
}

struct RefundFact: LaterFact {
    static let name = "refund"
    static let abstract = "Money is given back."
    static let discussion = """
        Without --amount all that the sale took for the item.

        EXAMPLE
          gatehouse simulate refund --email ana@example.com --item bump-7
          gatehouse simulate refund --order 70000001 --amount 10.00
        """
    static let renewing = false

    @Option(name: .long, help: "How much.", transform: Reading.money)
    var amount: Int64?

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
        .refund(
            amount ?? known.item.price,
            of: known.item,
            in: known.order,
            at: moment,
            record: SimulatedNumber.record()
        )
    }
}

struct CancelFact: LaterFact {
    static let name = "cancel"
    static let abstract = "A subscription is cancelled; what is paid stays."
    static let discussion = """
        EXAMPLE
          gatehouse simulate cancel --email ana@example.com
        """

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
        .cancellation(
            of: known.item,
            in: known.order,
            at: moment,
            periodEnd: known.paidThrough,
            record: SimulatedNumber.record()
        )
    }
}

struct PauseFact: LaterFact {
    static let name = "pause"
    static let abstract = "A subscription is paused."
    static let discussion = """
        EXAMPLE
          gatehouse simulate pause --email ana@example.com
        """

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
        .pause(of: known.item, in: known.order, at: moment, periodEnd: known.paidThrough)
    }
}

struct ResumeFact: LaterFact {
    static let name = "resume"
    static let abstract = "A paused subscription goes on."
    static let discussion = """
        EXAMPLE
          gatehouse simulate resume --email ana@example.com
        """

    func post(about known: KnownOrder, at moment: Date) -> ThriveCartPost {
        .resume(of: known.item, in: known.order, at: moment, nextDue: known.frequency.next(after: moment))
    }
}
