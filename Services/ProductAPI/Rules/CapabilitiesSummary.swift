internal import PayPal

/// PayPal's capabilities as a settings page shows them: grouped, named, and with what may be switched.
///
/// Source: the document, "Using capabilities_summary for the admin panel".
struct CapabilitiesSummary {
    /// In the order of the page.
    private(set) var groups: [Group]
    /// Methods that a buyer could see, but which PayPal did not name at all.
    private(set) var missing: [String]

    struct Group {
        var key: String
        var label: String
        var items: [Item]
    }

    struct Item {
        var key: String
        var label: String
        /// PayPal's word: ACTIVE, PENDING, DENIED, LIMITED, REVOKED, SUSPENDED.
        var status: String
        /// A button of its own that a merchant may switch, and that works.
        var isRenderable: Bool
        var needsDomain = false
    }

    init(_ capabilities: JSON) {
        var statuses: [(name: String, status: String)] = []
        for capability in capabilities.array {
            guard let name = capability["name"].string, !statuses.contains(where: { $0.name == name }) else { continue }
            statuses.append((name, capability["status"].string ?? ""))
        }
        groups = Self.groups.map { Group(key: $0.key, label: $0.label, items: []) }
        missing = []
        for known in Self.known {
            guard let found = statuses.first(where: { known.names.contains($0.name) }) else {
                if known.isButton { missing.append(known.key) }
                continue
            }
            add(
                Item(
                    key: known.key,
                    label: known.label,
                    status: found.status,
                    isRenderable: known.isButton && found.status == "ACTIVE",
                    needsDomain: known.key == "apple_pay"
                ),
                to: known.group
            )
        }
        let names = Set(Self.known.flatMap(\.names))
        for (name, status) in statuses where !names.contains(name) {
            add(
                Item(key: name.lowercased(), label: Self.label(name), status: status, isRenderable: false),
                to: "other"
            )
        }
    }

    private mutating func add(_ item: Item, to group: String) {
        guard let index = groups.firstIndex(where: { $0.key == group }) else { return }
        groups[index].items.append(item)
    }

    /// `FRAUD_TOOL_ACCESS` as people write: "Fraud tool access".
    private static func label(_ name: String) -> String {
        let words = name.lowercased().replacing("_", with: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    var json: JSON {
        let items = groups.flatMap(\.items)
        let pending = items.filter { $0.status == "PENDING" }.map(\.key)
        return [
            "schema_version": 1,
            "groups": .array(groups.map(\.json)),
            "rollup": [
                "all_ready": .bool(pending.isEmpty && missing.isEmpty),
                "any_pending": .bool(!pending.isEmpty),
                "renderable_count": .number(String(items.count(where: \.isRenderable))),
                "pending": .array(pending.map(JSON.string)),
                "missing": .array(missing.map(JSON.string)),
            ],
        ]
    }
}

extension CapabilitiesSummary.Group {
    var json: JSON {
        ["key": .string(key), "label": .string(label), "items": .array(items.map(\.json))]
    }
}

extension CapabilitiesSummary.Item {
    var json: JSON {
        let item: JSON = [
            "key": .string(key), "label": .string(label), "status": .string(status), "renderable": .bool(isRenderable),
        ]
        return needsDomain ? item.setting("extra", ["domain_registration_required": true]) : item
    }
}

// MARK: What we know of PayPal's names

extension CapabilitiesSummary {
    private static let groups = [
        (key: "wallets", label: "Wallets"),
        (key: "cards", label: "Cards"),
        (key: "pay_later", label: "Pay Later"),
        (key: "apms", label: "Alternative methods"),
        (key: "other", label: "Other features"),
    ]

    private struct Known {
        var group: String
        var key: String
        var label: String
        var names: [String]
        /// Whether it is a button, not a part of one or something that buyers never see.
        var isButton = false
    }

    private static let known = [
        Known(group: "wallets", key: "paypal_wallet", label: "PayPal", names: ["PAYPAL_CHECKOUT"], isButton: true),
        Known(group: "wallets", key: "venmo", label: "Venmo", names: ["VENMO_PAY_PROCESSING"], isButton: true),
        Known(group: "wallets", key: "apple_pay", label: "Apple Pay", names: ["APPLE_PAY"], isButton: true),
        Known(group: "wallets", key: "google_pay", label: "Google Pay", names: ["GOOGLE_PAY"], isButton: true),
        Known(
            group: "cards",
            key: "credit_debit",
            label: "Credit and debit cards",
            names: ["CUSTOM_CARD_PROCESSING"],
            isButton: true
        ),
        Known(group: "cards", key: "amex", label: "American Express", names: ["AMEX_OPTBLUE"]),
        Known(group: "cards", key: "fastlane", label: "Fastlane", names: ["FASTLANE_CHECKOUT", "FASTLANE"]),
        Known(group: "cards", key: "debit_switch", label: "Debit card switch", names: ["DEBIT_CARD_SWITCH"]),
        Known(
            group: "cards",
            key: "standard_cards",
            label: "Standard card processing",
            names: ["STANDARD_CARD_PROCESSING"]
        ),
        Known(
            group: "pay_later",
            key: "paypal_credit",
            label: "PayPal Credit",
            names: ["PAYPAL_CHECKOUT_PAY_WITH_PAYPAL_CREDIT", "PAYPAL_CREDIT_PROCESSING"],
            isButton: true
        ),
        Known(group: "pay_later", key: "installments", label: "Pay Later", names: ["INSTALLMENTS"], isButton: true),
        Known(
            group: "apms",
            key: "apms",
            label: "Local payment methods",
            names: ["PAYPAL_CHECKOUT_ALTERNATIVE_PAYMENT_METHODS", "ALT_PAY_PROCESSING"],
            isButton: true
        ),
        Known(group: "other", key: "fraud_tools", label: "Fraud tools", names: ["FRAUD_TOOL_ACCESS"]),
        Known(group: "other", key: "commercial_entity", label: "Commercial entity", names: ["COMMERCIAL_ENTITY"]),
        Known(group: "other", key: "guest_checkout", label: "Guest checkout", names: ["GUEST_CHECKOUT"]),
        Known(
            group: "other",
            key: "vaulting_advanced",
            label: "Advanced vaulting",
            names: ["ADVANCED_VAULTING", "PAYPAL_WALLET_VAULTING_ADVANCED"]
        ),
    ]
}
