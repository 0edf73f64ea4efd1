import Domain

/// What one order holds: its item keys, and what was and will be charged for each.
///
/// Source: rules D1, D2, D8, E1, F8.
struct OrderItems {
    private struct Charge {
        var key: ItemKey?
        /// The item's number when the charge does not say of which kind it is, as in 2018.
        var reference: String?
        var fields: PayloadNode
        var isRecurring: Bool
    }

    private let root: PayloadNode
    private let charges: [Charge]
    private let futureCharges: [Charge]
    /// In the order's own order, each once.
    let keys: [ItemKey]

    init(of root: PayloadNode) {
        self.root = root
        charges = Self.charges(in: root["order", "charges"])
        futureCharges = Self.charges(in: root["order", "future_charges"])
        var keys = Self.purchased(in: root)
        keys += charges.compactMap(\.key)
        if keys.isEmpty, let product = root["base_product"]?.identifier,
            let key = ItemKey(kind: "product", number: product)
        {
            keys = [key]
        }
        var seen: Set<ItemKey> = []
        self.keys = keys.filter { seen.insert($0).inserted }
    }

    /// The first of `purchase_map`, `purchase_map_flat` and the keys of `transactions` that names an item.
    private static func purchased(in root: PayloadNode) -> [ItemKey] {
        let listed = listedKeys(root["purchase_map"])
        if !listed.isEmpty { return listed }
        let flat = listedKeys(root["purchase_map_flat"])
        if !flat.isEmpty { return flat }
        return root["transactions"]?.members.compactMap { ItemKey(String(decoding: $0.key, as: UTF8.self)) } ?? []
    }

    /// Item keys from a list, or from text with commas.
    static func listedKeys(_ node: PayloadNode?) -> [ItemKey] {
        guard let node else { return [] }
        if node.isMap { return node.list.compactMap { $0.value.flatMap { ItemKey($0) } } }
        return node.value?.split(separator: ",").compactMap { ItemKey(String($0)) } ?? []
    }

    private static func charges(in node: PayloadNode?) -> [Charge] {
        (node?.list ?? []).filter(\.isMap).map { fields in
            let reference = fields["reference"]?.identifier
            let kind = fields["item_type"]?.value
            let key = kind.flatMap { kind in reference.flatMap { ItemKey(kind: kind, number: $0) } }
            return Charge(
                key: key ?? fields["item_identifier"]?.value.flatMap { ItemKey($0) },
                reference: reference,
                fields: fields,
                isRecurring: fields["type"]?.value?.lowercased() == "recurring"
            )
        }
    }

    // MARK: One item

    func item(_ key: ItemKey) -> SoldItem {
        let now = of(key, in: charges)
        let future = of(key, in: futureCharges)
        let paidNow = now.contains { !$0.isRecurring } ? now.filter { !$0.isRecurring } : now
        let named = (now + future).lazy.compactMap { $0.fields["name"]?.text?.displayed() }.first
        return SoldItem(
            key: key,
            name: named ?? ownName(of: key),
            paidGross: (paidNow.isEmpty ? nil : Self.sum(paidNow.map { Self.gross($0.fields) })) ?? onlyItemTotal,
            recurrence: recurrence(of: key, now: now, future: future),
            subscription: key.kind == .bump ? nil : subscription(key)
        )
    }

    /// The product's own name, for an order without charges.
    private func ownName(of key: ItemKey) -> String? {
        guard key.kind == .product, root["base_product"]?.identifier == key.number else { return nil }
        return root["base_product_name"]?.text?.displayed()
    }

    /// Charges of an item; one without a kind belongs to the only item that has its number.
    private func of(_ key: ItemKey, in charges: [Charge]) -> [Charge] {
        charges.filter { charge in
            if let own = charge.key { return own == key }
            guard let reference = charge.reference else { return keys.count == 1 }
            return reference == key.number && keys.filter { $0.number == reference }.count == 1
        }
    }

    /// Bumps are never subscriptions. Source: rule D8.
    private func recurrence(of key: ItemKey, now: [Charge], future: [Charge]) -> Recurrence? {
        guard key.kind != .bump else { return nil }
        let recurring = (future + now).filter(\.isRecurring)
        let isSubscription = root["subscriptions"]?[key.description]?.identifier != nil || subscription(key) != nil
        guard !recurring.isEmpty || isSubscription else { return nil }
        let due = future.compactMap { $0.fields["due"]?.time ?? $0.fields["defer_date"]?.time }.min()
        return Recurrence(
            nextDue: due ?? now.compactMap { $0.fields["defer_date"]?.time }.min(),
            frequency: recurring.lazy.compactMap { BillingFrequency(of: $0.fields) }.first
        )
    }

    private func subscription(_ key: ItemKey) -> String? { root["subscription_ids"]?[key.description]?.identifier }

    /// An order with one item was paid for that item, if its charges don't say more.
    private var onlyItemTotal: Int64? { keys.count == 1 ? Self.total(of: root) : nil }

    // MARK: Amounts

    static func total(of root: PayloadNode) -> Int64? {
        root["order", "total_gross"]?.hundredths ?? root["order", "total"]?.hundredths
    }

    /// `amount_gross`, which has the tax in it, else `amount`.
    static func gross(_ fields: PayloadNode) -> Int64? {
        fields["amount_gross"]?.hundredths ?? fields["amount"]?.hundredths
    }

    /// Nil when one of the amounts is not known, and beyond 64 bits.
    private static func sum(_ amounts: [Int64?]) -> Int64? {
        var sum: Int64 = 0
        for amount in amounts {
            guard let amount else { return nil }
            let (next, overflow) = sum.addingReportingOverflow(amount)
            if overflow { return nil }
            sum = next
        }
        return sum
    }
}

extension BillingFrequency {
    /// Reads `frequency`, or guesses it from `frequency_days`, which is only a hint. Source: rule F3.
    init?(of fields: PayloadNode) {
        if let name = fields["frequency"]?.value?.lowercased(), let frequency = Self(rawValue: name) {
            self = frequency
            return
        }
        switch fields["frequency_days"]?.count ?? 0 {
        case 1: self = .day
        case 7: self = .week
        case 28...31: self = .month
        case 89...92: self = .quarter
        case 180...184: self = .halfYear
        case 360...366: self = .year
        default: return nil
        }
    }
}
