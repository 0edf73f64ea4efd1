/// What an operator should know about an event that a provider's module could not read in full.
package enum CheckoutRemark: String, Sendable, Codable, CaseIterable {
    /// The buyer can't be found without an address: kept, but nobody gets access. Source: rule G6.
    case noEmail = "no-email"
    /// No order id, so the event has no effect.
    case noOrder = "no-order"
    /// A sale of nothing that we can name.
    case noItems = "no-items"
    /// It names an item in a way we don't know; guessing could take the wrong access away. Source: rule D3.
    case itemUnreadable = "item-unreadable"
    /// Only our own clock says when it happened. Source: rule C1.
    case untimed
    /// One field says live, another does not: taken as a test. Source: rule F13.
    case modeContradiction = "mode-contradiction"
    /// The items that the provider calls accessible are not those that were bought. Source: rule D6.
    case accessibleItemsDiffer = "accessible-items-differ"
}
