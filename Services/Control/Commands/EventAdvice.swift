import Domain
import Store

extension FoundInboundEvent {
    /// What a person may do about an event that had no effect; nil where nothing is to be done, and where nothing can.
    func advice(at site: Slug) -> String? {
        switch status {
        case .applied, .ignored: nil
        case .failed:
            "gatehouse dead list --kind fulfillment.apply; then gatehouse events replay \(id) --site \(site)"
        case .flagged: reason.flatMap { flagAdvice(for: $0, at: site) }
        }
    }

    private func flagAdvice(for reason: String, at site: Slug) -> String? {
        let buyer = email?.shellWord ?? "EMAIL"
        let grant = "gatehouse members grant \(buyer) PLAN --site \(site) --by YOU"
        let resync = "gatehouse members resync \(buyer) --site \(site)"
        return switch reason {
        case "unmapped":
            "nothing of the order opens a plan; purchase_map in the body names its items: "
                + "gatehouse plan link PLAN --site \(site) --item ITEM"
        case "test-mode":
            "a test order gives nothing here; if it should: gatehouse site update \(site) --test-mode-grants"
        case CheckoutRemark.modeContradiction.rawValue:
            "mode and mode_int disagree, so it counts as a test; if it was paid: \(grant)"
        case CheckoutRemark.noEmail.rawValue:
            "nobody can have it without an address; once you know whose it is: \(grant)"
        case OrderFlag.itemUnclear.rawValue:
            "it names no item, and the order has several; what ThriveCart's books say: \(resync)"
        case CheckoutRemark.noOrder.rawValue, CheckoutRemark.noItems.rawValue, CheckoutRemark.itemUnreadable.rawValue:
            "the body says too little; what ThriveCart's books say: \(resync)"
        case "unknown-event":
            "this release does not know such events; after an upgrade: gatehouse events replay \(id) --site \(site)"
        default: nil
        }
    }
}
