import Domain

/// What the names of events mean, in both vocabularies: the account's webhooks and the Event Subscription API.
///
/// Source: ThriveCart's help page for webhooks, and the event list of its developers' site.
enum EventKind: Hashable {
    /// `item` is set where the event is about the items of one kind only.
    case sale(item: ItemKey.Kind?)
    case payment
    case paymentFailed
    case cancellation
    case pause
    case resume
    case planCompleted
    /// `item` is what the event's name says the refunded item is.
    case refund(item: ItemKey.Kind?)
    case cartAbandoned
    case customerUpdated
    case affiliate
    case unknown

    init(name: String) {
        switch name {
        case "order.success", "order_created": self = .sale(item: nil)
        case "order.subscription_payment", "order_rebill": self = .payment
        case "order.rebill_failed", "order_rebill_failed": self = .paymentFailed
        case "order.subscription_cancelled", "order_rebill_cancelled": self = .cancellation
        case "order.subscription_paused", "subscription_paused": self = .pause
        case "order.subscription_resumed", "subscription_resumed": self = .resume
        case "order_rebill_completed": self = .planCompleted
        case "order.refund", "order_refund": self = .refund(item: nil)
        case "cart.abandoned", "cart_abandoned": self = .cartAbandoned
        case "customer_updated": self = .customerUpdated
        default:
            if let kind = Self.item(of: name, after: "order_payment_") {
                self = .sale(item: kind)
            } else if let kind = Self.item(of: name, after: "order_refund_") {
                self = .refund(item: kind)
            } else if name.hasPrefix("affiliate.") || name.hasPrefix("affiliate_") {
                self = .affiliate
            } else {
                self = .unknown
            }
        }
    }

    private static func item(of name: String, after prefix: String) -> ItemKey.Kind? {
        name.hasPrefix(prefix) ? ItemKey.Kind(rawValue: String(name.dropFirst(prefix.count))) : nil
    }

    /// Whether the event is about an order, so that it always has a mode.
    var isAboutOrder: Bool {
        switch self {
        case .cartAbandoned, .customerUpdated, .affiliate, .unknown: false
        default: true
        }
    }
}
