import Foundation

/// What makes a fact the same fact, by whatever road it came: webhook, event subscription, back-fill.
///
/// Inserted under a unique index in the transaction of its effect. Source: rules B2 and B3.
package struct NaturalKey: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        case sale, rebill, failed, cancelled, paused, resumed, completed, refund, cart
    }

    package let kind: Kind
    /// Which item the key guards; nil where the fact is not about one.
    package let item: ItemKey?
    /// `provider/account/mode/kind/…`, parts with `/` or `%` in them percent-encoded. A cart's holds an e-mail address.
    package let text: String

    fileprivate init(_ kind: Kind, of event: CheckoutEvent, item: ItemKey?, _ parts: [String]) {
        self.kind = kind
        self.item = item
        let all = [event.provider.rawValue, event.account, event.mode?.rawValue ?? "-", kind.rawValue] + parts
        text = all.map(Self.part).joined(separator: "/")
    }

    private static func part(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("/", with: "%2F")
    }
}

extension NaturalKey: CustomStringConvertible {
    /// The text, without the person of a cart, so that it may be logged.
    package var description: String { kind == .cart ? "cart/…" : text }
}

extension CheckoutEvent {
    /// The natural keys of the event, for a sale one for each item.
    ///
    /// None means that nothing but the delivery key can tell a repeat: what has no time of its own, and what has no
    /// effect.
    /// - Parameter onlyItem: the item of the order that an event without an item turned out to be about.
    package func naturalKeys(onlyItem: ItemKey? = nil) -> [NaturalKey] {
        switch fact {
        case .sale(let sale):
            return sale.items.map { NaturalKey(.sale, of: self, item: $0.key, [sale.order, $0.key.description]) }
        case .payment(let payment):
            guard let number = payment.invoice ?? payment.paymentNumber ?? seconds else { return [] }
            return [key(.rebill, payment.order, payment.item, onlyItem, number)]
        case .paymentFailed(let failure):
            guard let seconds else { return [] }
            return [key(.failed, failure.order, failure.item, onlyItem, failure.invoice ?? "-", seconds)]
        case .cancellation(let cancellation):
            guard let seconds else { return [] }
            return [key(.cancelled, cancellation.order, cancellation.item, onlyItem, seconds)]
        case .pause(let pause):
            guard let seconds else { return [] }
            return [key(.paused, pause.order, pause.item, onlyItem, seconds)]
        case .resume(let resume):
            guard let seconds else { return [] }
            return [key(.resumed, resume.order, resume.item, onlyItem, seconds)]
        case .planCompleted(let completion):
            return [key(.completed, completion.order, completion.item, onlyItem)]
        case .refund(let refund):
            return [refundKey(refund, onlyItem)].compactMap { $0 }
        case .cartAbandoned(let cart):
            guard let seconds, let email = buyer?.email else { return [] }
            return [NaturalKey(.cart, of: self, item: nil, [email.normalized, cart.item?.description ?? "-", seconds])]
        case .customerUpdated, .affiliate, .unknown:
            return []
        }
    }

    /// The record's number, else order, item, amount and time: two equal refunds on different days are two.
    private func refundKey(_ refund: Refund, _ onlyItem: ItemKey?) -> NaturalKey? {
        if let record = refund.record {
            let item = resolved(refund.item, onlyItem)
            return NaturalKey(.refund, of: self, item: item, ["record", record])
        }
        guard let seconds else { return nil }
        return key(.refund, refund.order, refund.item, onlyItem, refund.amountGross.map(String.init) ?? "-", seconds)
    }

    private func key(
        _ kind: NaturalKey.Kind,
        _ order: String,
        _ item: ItemReference,
        _ onlyItem: ItemKey?,
        _ more: String...
    ) -> NaturalKey {
        let item = resolved(item, onlyItem)
        return NaturalKey(kind, of: self, item: item, [order, item?.description ?? "-"] + more)
    }

    private func resolved(_ item: ItemReference, _ onlyItem: ItemKey?) -> ItemKey? {
        switch item {
        case .exact(let key): key
        case .onlyItem: onlyItem
        }
    }

    /// The provider's time in unix seconds; nil for an untimed event and for a moment no clock shows.
    private var seconds: String? {
        occurredAt.flatMap { Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) }.map(String.init)
    }
}
