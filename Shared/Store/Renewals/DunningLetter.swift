import Domain
import Foundation

/// What the shop's owner reads about a renewal that was declined: ids of the shop's own, no buyer's data.
struct DunningLetter {
    let subject: String
    let text: String

    /// - Parameters:
    ///   - number: the step of dunning that is spent, 1 to 3.
    ///   - wasMade: false where the bank had forbidden another try.
    ///   - nextTry: when the next step is; nil for the last one.
    init(
        _ subscription: VaultSubscription,
        _ number: Int,
        _ decline: ChargeDecline,
        wasMade: Bool,
        nextTry: Date?
    ) {
        let order = subscription.thriveOrderID
        let said = "PayPal said: \(decline.issue ?? "HTTP \(decline.status)"). \(Self.meaning(of: decline))"
        switch (wasMade, nextTry == nil) {
        case (true, true): subject = "Order \(order): the last try was declined, access ends"
        case (true, false): subject = "Order \(order): a renewal was declined"
        case (false, true): subject = "Order \(order): access ends, no other try was allowed"
        case (false, false): subject = "Order \(order): a renewal was not tried again"
        }
        let what =
            wasMade
            ? "The renewal of your order \(order) over \(subscription.amount) was declined: try \(number) of 3."
            : "Try \(number) of 3 of the renewal of your order \(order) over \(subscription.amount) was not made: the answer to the last one forbids it."
        text = """
            \(what)
            \(said)

            \(Self.then(decline, nextTry: nextTry))

            """
    }

    private static func then(_ decline: ChargeDecline, nextTry: Date?) -> String {
        guard let nextTry else { return "No further tries follow. Your site was told to end the buyer's access." }
        if decline.advice == .never {
            return
                "It is not tried again with this payment method. Access is kept for seven days from the first decline; your site is told when it ends."
        }
        return
            "The next try is on \(nextTry.formatted(.iso8601.year().month().day())), unless the bank forbids it. Access is kept until then."
    }

    var html: String {
        text.split(separator: "\n\n").map { "<p>\(Self.escaped($0.trimmingCharacters(in: .newlines)))</p>" }.joined(
            separator: "\n"
        )
    }

    private static func meaning(of decline: ChargeDecline) -> String {
        switch decline.fault {
        case .buyer: "The buyer's card or account refused it."
        case .vaultToken: "The saved payment method is no longer valid."
        case .merchant:
            "Your PayPal account can't receive this payment: please look at it now, other renewals will fail too."
        case .request: "PayPal did not accept the request; we look into it."
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
