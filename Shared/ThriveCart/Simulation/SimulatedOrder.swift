package import Domain
package import Foundation

/// An order as a seller's ThriveCart would know it: enough to write every post about it.
///
/// For the sandbox and for `gatehouse simulate`. Defaults are what captured live orders show.
package struct SimulatedOrder: Sendable, Hashable {
    package var seller: SimulatedSeller
    package var mode: Mode
    /// `order_id`, all digits.
    package var number: String
    /// `invoice_id`, padded with zeros; renewals add `-n`.
    package var invoice: String
    package var placedAt: Date
    package var currency = "USD"
    package var processor = "stripe_connect+"
    package var buyer: SimulatedBuyer
    /// The front-end product, then its bump, upsells and downsells.
    package var items: [SimulatedItem]

    package init(
        seller: SimulatedSeller,
        mode: Mode = .live,
        number: String,
        invoice: String,
        placedAt: Date,
        buyer: SimulatedBuyer,
        items: [SimulatedItem]
    ) {
        self.seller = seller
        self.mode = mode
        self.number = number
        self.invoice = invoice
        self.placedAt = placedAt
        self.buyer = buyer
        self.items = items
    }

    /// Hundredths.
    var total: Int64 { items.reduce(0) { $0 &+ $1.price } }

    /// The product that the checkout page sells: on every later event too, whatever item that is about.
    var frontEnd: SimulatedItem? { items.first }
}

/// Whose account posts.
package struct SimulatedSeller: Sendable, Hashable {
    package var account: String
    package var secret: String
    /// The checkout page's name in its address.
    package var page = "checkout"
    /// `base_product_owner`.
    package var owner = "72586"

    package init(account: String, secret: String) {
        self.account = account
        self.secret = secret
    }
}

package struct SimulatedBuyer: Sendable, Hashable {
    package var email: String
    package var firstName: String
    package var lastName: String
    /// `customer_id`, up to 18 digits.
    package var number: String
    /// The processor's name for the buyer; a free order has none.
    package var processorNumber: String?
    package var country = "US"
    package var address = "198.51.100.7"

    package init(email: String, firstName: String, lastName: String, number: String, processorNumber: String? = nil) {
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.number = number
        self.processorNumber = processorNumber
    }

    var name: String { "\(firstName) \(lastName)" }
}

package struct SimulatedItem: Sendable, Hashable {
    package var key: ItemKey
    package var name: String
    /// What is paid now for all pieces, hundredths.
    package var price: Int64
    /// The price without a coupon.
    package var fullPrice: Int64
    package var quantity = 1
    package var planNumber = "10521"
    package var planName = "Default"
    package var subscription: SimulatedSubscription?

    package init(_ key: ItemKey, name: String, price: Int64, subscription: SimulatedSubscription? = nil) {
        self.key = key
        self.name = name
        self.price = price
        fullPrice = price
        self.subscription = subscription
    }
}

/// The renewals of an item. Bumps have none.
package struct SimulatedSubscription: Sendable, Hashable {
    /// ThriveCart's own number of it.
    package var number: String
    /// The processor's, which changes when a paused one is resumed.
    package var processorNumber: String
    /// Hundredths a renewal.
    package var price: Int64
    package var frequency: BillingFrequency
    /// When the first renewal is due; after a trial, when that ends.
    package var firstDue: Date
    /// Whether the first period is free, which ThriveCart writes as a deferred charge.
    package var isFreeTrial = false
    /// Renewals that a payment plan has after the sale; nil for a subscription without end.
    package var renewals: Int?

    package init(
        number: String,
        processorNumber: String,
        price: Int64,
        frequency: BillingFrequency,
        firstDue: Date,
        renewals: Int? = nil
    ) {
        self.number = number
        self.processorNumber = processorNumber
        self.price = price
        self.frequency = frequency
        self.firstDue = firstDue
        self.renewals = renewals
    }

    /// When renewal `n` is due, 1 for the first.
    package func due(_ n: Int) -> Date {
        var due = firstDue
        for _ in 1..<max(n, 1) { due = frequency.next(after: due) }
        return due
    }
}

/// A checkout page that somebody left. There is neither an order nor a mode.
package struct SimulatedCart: Sendable, Hashable {
    package var seller: SimulatedSeller
    package var buyer: SimulatedBuyer
    package var product: SimulatedItem
    package var leftAt: Date

    package init(seller: SimulatedSeller, buyer: SimulatedBuyer, product: SimulatedItem, leftAt: Date) {
        self.seller = seller
        self.buyer = buyer
        self.product = product
        self.leftAt = leftAt
    }
}
