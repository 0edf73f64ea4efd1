import Domain

extension Buyer {
    /// The person an event names: `customer`, on an abandoned cart also `viewer`. Nil when it names nobody.
    ///
    /// Source: rules A4, G5 and G6.
    init?(of root: PayloadNode) {
        let people = [root["customer"], root["viewer"]].compactMap { $0 }.filter(\.isMap)
        let email = people.lazy.compactMap { $0["email"]?.intactText.flatMap { EmailAddress($0) } }.first
        let names = people.lazy.compactMap { Names(of: $0) }.first
        let customer = root["customer_id"]?.identifier ?? root["customer", "id"]?.identifier
        guard email != nil || names != nil || customer != nil else { return nil }
        self.init(email: email, firstName: names?.first, lastName: names?.last, customerID: customer)
    }
}

/// A name in the spellings that were seen: `first_name`, `firstname`, or only the whole `name`.
private struct Names {
    var first: String?
    var last: String?

    init?(of person: PayloadNode) {
        first = (person["first_name"]?.text?.displayed()) ?? (person["firstname"]?.text?.displayed())
        last = (person["last_name"]?.text?.displayed()) ?? (person["lastname"]?.text?.displayed())
        if first != nil || last != nil { return }
        guard let whole = person["name"]?.text?.displayed() else { return nil }
        let parts = whole.split(separator: " ", maxSplits: 1).map(String.init)
        first = parts.first
        last = parts.count > 1 ? parts[1] : nil
    }
}
