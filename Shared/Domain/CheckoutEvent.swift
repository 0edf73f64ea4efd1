package import Foundation

/// What a checkout provider told us, in our words and still without any effect.
///
/// A provider's module makes it from verified bytes; fulfillment applies it. Every field that may be missing on the wire
/// is optional here, so a poor event is still an event.
package struct CheckoutEvent: Sendable, Hashable {
    package var provider: Provider
    /// The seller's account at the provider, lower case; part of every natural key.
    package var account: String
    /// Nil where the provider does not say (abandoned carts).
    package var mode: Mode?
    /// The event's name as it came: `order.success`, `order_rebill`, …
    package var name: String
    /// Layer 1: what stays the same when the same delivery is sent again. Source: rule B1.
    package var deliveryKey: String
    /// When it happened by the provider's clock, UTC; nil is an untimed event. Source: rules C1, C2.
    package var occurredAt: Date?
    package var buyer: Buyer?
    package var fact: CheckoutFact
    /// What could not be read, or looks odd; it changes nothing but what an operator is shown.
    package var remarks: Set<CheckoutRemark>

    package init(
        provider: Provider,
        account: String,
        mode: Mode?,
        name: String,
        deliveryKey: String,
        occurredAt: Date?,
        buyer: Buyer?,
        fact: CheckoutFact,
        remarks: Set<CheckoutRemark> = []
    ) {
        self.provider = provider
        self.account = account
        self.mode = mode
        self.name = name
        self.deliveryKey = deliveryKey
        self.occurredAt = occurredAt
        self.buyer = buyer
        self.fact = fact
        self.remarks = remarks
    }
}

package enum Provider: String, Sendable, Codable, CaseIterable {
    case thriveCart = "thrivecart"
    case payPal = "paypal"
    case stripe
    case checkoutPage = "checkout-page"
}

/// Real money or a rehearsal. Test orders live in a name space of their own. Source: rule F13.
package enum Mode: String, Sendable, Codable, CaseIterable {
    case live, test
}

/// The person a provider names, with blanks and the four letters "null" already taken away.
package struct Buyer: Sendable, Hashable {
    package var email: EmailAddress?
    package var firstName: String?
    package var lastName: String?
    /// The provider's id of the customer: text, for it may be larger than any number.
    package var customerID: String?

    package init(email: EmailAddress?, firstName: String? = nil, lastName: String? = nil, customerID: String? = nil) {
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.customerID = customerID
    }
}

extension Buyer: CustomStringConvertible {
    /// Says nothing of the person, so that no log line can.
    package var description: String { "Buyer(…)" }
}

/// The kinds of facts that checkouts tell, each with what it carries.
package enum CheckoutFact: Sendable, Hashable {
    case sale(Sale)
    /// A renewal was paid.
    case payment(Payment)
    /// A renewal was declined.
    case paymentFailed(PaymentFailure)
    case cancellation(Cancellation)
    case pause(StateChange)
    case resume(StateChange)
    /// The last instalment was paid: what was bought is owned.
    case planCompleted(StateChange)
    case refund(Refund)
    case cartAbandoned(AbandonedCart)
    case customerUpdated
    case affiliate
    /// Kept, answered with success, without effect.
    case unknown
}

/// Which item of an order a later event is about. Source: rule D3.
package enum ItemReference: Sendable, Hashable {
    case exact(ItemKey)
    /// The event names none: it means the order's only item, or nothing where there are more.
    case onlyItem
}

package struct Sale: Sendable, Hashable {
    package var order: String
    package var invoice: String?
    package var currency: String?
    /// Hundredths, as ThriveCart counts, tax included; nil where the text was not a number.
    package var totalGross: Int64?
    /// In the provider's order; never empty, never the same key twice.
    package var items: [SoldItem]

    package init(order: String, invoice: String?, currency: String?, totalGross: Int64?, items: [SoldItem]) {
        self.order = order
        self.invoice = invoice
        self.currency = currency
        self.totalGross = totalGross
        self.items = items
    }
}

package struct SoldItem: Sendable, Hashable {
    package var key: ItemKey
    package var name: String?
    /// What was paid now for this item, hundredths, tax included.
    package var paidGross: Int64?
    /// Nil for a one-time purchase.
    package var recurrence: Recurrence?
    /// The provider's own number of the subscription; its API asks for it.
    package var subscription: String?

    package init(key: ItemKey, name: String?, paidGross: Int64?, recurrence: Recurrence?, subscription: String?) {
        self.key = key
        self.name = name
        self.paidGross = paidGross
        self.recurrence = recurrence
        self.subscription = subscription
    }
}

package struct Recurrence: Sendable, Hashable {
    /// When the next charge is due: until then the sale has paid.
    package var nextDue: Date?
    package var frequency: BillingFrequency?

    package init(nextDue: Date?, frequency: BillingFrequency?) {
        self.nextDue = nextDue
        self.frequency = frequency
    }
}

package struct Payment: Sendable, Hashable {
    package var order: String
    package var item: ItemReference
    /// Tells this payment from the order's others: invoice id with its `-n`, else the payment's number. Source: rule B2.
    package var invoice: String?
    package var paymentNumber: String?
    package var amountGross: Int64?
    package var nextDue: Date?
    package var frequency: BillingFrequency?
    /// Payments still to come; nil is open-ended, 0 the last instalment. Source: rule F7.
    package var remaining: Int?
    package var subscription: String?

    package init(
        order: String,
        item: ItemReference,
        invoice: String?,
        paymentNumber: String?,
        amountGross: Int64?,
        nextDue: Date?,
        frequency: BillingFrequency?,
        remaining: Int?,
        subscription: String?
    ) {
        self.order = order
        self.item = item
        self.invoice = invoice
        self.paymentNumber = paymentNumber
        self.amountGross = amountGross
        self.nextDue = nextDue
        self.frequency = frequency
        self.remaining = remaining
        self.subscription = subscription
    }
}

package struct PaymentFailure: Sendable, Hashable {
    package var order: String
    package var item: ItemReference
    package var invoice: String?

    package init(order: String, item: ItemReference, invoice: String?) {
        self.order = order
        self.item = item
        self.invoice = invoice
    }
}

package struct Cancellation: Sendable, Hashable {
    package var order: String
    package var item: ItemReference
    /// The end of what is paid; nil where the provider does not say. Source: rule F5.
    package var periodEnd: Date?
    package var remaining: Int?

    package init(order: String, item: ItemReference, periodEnd: Date?, remaining: Int?) {
        self.order = order
        self.item = item
        self.periodEnd = periodEnd
        self.remaining = remaining
    }
}

package struct StateChange: Sendable, Hashable {
    package var order: String
    package var item: ItemReference
    /// The end of what is paid, where the event says so.
    package var periodEnd: Date?

    package init(order: String, item: ItemReference, periodEnd: Date?) {
        self.order = order
        self.item = item
        self.periodEnd = periodEnd
    }
}

package struct Refund: Sendable, Hashable {
    package var order: String
    package var item: ItemReference
    /// The provider's number of the refund's transaction record; the item's number is not a refund's. Source: rule B2.
    package var record: String?
    package var invoice: String?
    /// Hundredths, tax included where the provider says so.
    package var amountGross: Int64?
    /// What the whole order cost: lets a one-item order be judged when its sale was never seen. Source: rule E3.
    package var orderTotalGross: Int64?

    package init(
        order: String,
        item: ItemReference,
        record: String?,
        invoice: String?,
        amountGross: Int64?,
        orderTotalGross: Int64?
    ) {
        self.order = order
        self.item = item
        self.record = record
        self.invoice = invoice
        self.amountGross = amountGross
        self.orderTotalGross = orderTotalGross
    }
}

package struct AbandonedCart: Sendable, Hashable {
    /// The front-end product that was left behind, as an item key.
    package var item: ItemKey?

    package init(item: ItemKey?) {
        self.item = item
    }
}
