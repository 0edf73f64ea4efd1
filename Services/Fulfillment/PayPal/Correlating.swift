import Domain
import Foundation
import PayPal
import Postgres
import Store

/// Whose an event is.
struct Correlation {
    /// One where an order or a subscription of ours says so; else all that are connected to the account.
    var merchants: [Merchant] = []
    var subscription: VaultSubscription?
    var order: PayPalOrder?
    /// PayPal names another account than the one whose order it is.
    var isContradiction = false

    /// The merchant, where there is no doubt.
    var only: Merchant? { merchants.count == 1 ? merchants.first : nil }

    func audience(subject: String?) -> Audience {
        Audience(merchants: merchants.map(\.id), subscription: subscription, subject: subject)
    }

    /// Whether it is the payment that began the subscription: the shop has it as the answer of its activation.
    func isFirstPayment(order orderID: String?, customID: String?) -> Bool {
        guard let subscription else { return false }
        return orderID == subscription.payPalID
            || customID == ChargeNames.firstCustomID(of: "\(subscription.id)")
    }

    /// Nobody is known: in a moment somebody may be.
    func nobody(_ delivery: PayPalDelivery, at now: Date) -> Effect {
        if isContradiction { return .nobody(.flagged("another-account")) }
        // What is found in PayPal's books is late: nothing about it is on its way any more.
        let isFresh = now.timeIntervalSince(delivery.receivedAt) < ApplyPayPalEvent.rowPatience
        if isFresh, delivery.record.source != .reconciliation { return .tooEarly }
        return .nobody(.flagged("no-merchant"))
    }
}

extension Transaction {
    /// Finds whose a payment is: by its order, its capture, what we wrote into it, and only then by its account.
    ///
    /// - Parameter customID: believed only of orders that we don't know, since a shop may write there what it likes.
    func correlate(
        order orderID: String?,
        capture captureID: String?,
        customID: String?,
        account: String?,
        _ delivery: PayPalDelivery
    ) throws -> Correlation {
        var found = Correlation()
        let capture = try captureID.flatMap { try payPalCapture($0) }
        found.order = try (orderID ?? capture?.order).flatMap { try payPalOrder($0) }
        found.subscription = try vaultSubscription(ofOrder: orderID ?? capture?.order, capture: captureID)
        if found.subscription == nil, let orderID, let merchant = found.order?.merchant {
            found.subscription = try vaultSubscription(payPalID: orderID, of: merchant)
        }
        if found.subscription == nil, found.order == nil, let id = customID.flatMap(Self.subscription(in:)) {
            found.subscription = try vaultSubscription(id)
        }

        if let id = found.order?.merchant ?? capture?.merchant ?? found.subscription?.merchant {
            let merchant = try merchant(id)
            if let merchant, merchant.environment == delivery.environment,
                account == nil || account == merchant.payPalID
            {
                found.merchants = [merchant]
                return found
            }
            return Correlation(isContradiction: true)
        }
        if let account {
            found.merchants = try merchants(ofAccount: account, in: delivery.environment).filter(\.isConnected)
        }
        return found
    }

    /// What first charges and renewals write there: the subscription's id, a colon, and more.
    private static func subscription(in customID: String) -> VaultSubscription.ID? {
        ChargeNames.subscription(inCustomID: customID).flatMap(VaultSubscription.ID.init)
    }
}
