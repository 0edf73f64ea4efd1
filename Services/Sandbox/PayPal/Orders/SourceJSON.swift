extension Books {
    /// How the order is or was paid, as answers show it.
    func sourceJSON(_ order: PayPalOrder, _ base: String) -> SandboxJSON? {
        guard let source = order.source else { return nil }
        let isPaid = order.status == .completed || order.status == .approved
        let details: SandboxJSON
        switch source.kind {
        case .paypal, .token: details = isPaid ? wallet(order, source, base) : .object([])
        case .venmo: details = isPaid ? venmo(order) : .object([])
        case .card: details = source.card.map { cardJSON($0, order, source, base) } ?? .object([])
        case .applePay, .googlePay:
            details = .of(["card": source.card.map { cardJSON($0, order, source, base) }])
        default:
            details = .of([
                "name": source.given["name"],
                "country_code": source.given["country_code"],
                "email": source.kind == .p24 || source.kind == .blik || source.kind == .trustly
                    ? source.given["email"] : nil,
            ])
        }
        let kind = source.kind == .token ? PaymentSource.Kind.paypal : source.kind
        return .object([.init(name: kind.rawValue, value: details)])
    }

    private func wallet(_ order: PayPalOrder, _ source: PaymentSource, _ base: String) -> SandboxJSON {
        let payer = order.payer ?? .usual
        return .of([
            "email_address": .string(payer.email),
            "account_id": .string(payer.id),
            "account_status": "VERIFIED",
            "name": payer.name,
            "address": payer.address,
            "attributes": vaultJSON(order, source, base).map { .of(["vault": $0]) },
        ])
    }

    private func venmo(_ order: PayPalOrder) -> SandboxJSON {
        let payer = order.payer ?? .usual
        return .of([
            "email_address": .string(payer.email),
            "account_id": .string(payer.id),
            "user_name": "sample-buyer",
            "name": payer.name,
            "address": payer.address,
        ])
    }

    private func cardJSON(_ card: PayPalCard, _ order: PayPalOrder, _ source: PaymentSource, _ base: String)
        -> SandboxJSON
    {
        .of([
            "name": card.name.map { .string($0) },
            "last_digits": .string(card.lastDigits),
            "expiry": card.expiry.map { .string($0) },
            "brand": .string(card.brand),
            "type": "CREDIT",
            "authentication_result": authenticationJSON(card, source),
            "attributes": vaultJSON(order, source, base).map { .of(["vault": $0]) },
        ])
    }

    private func authenticationJSON(_ card: PayPalCard, _ source: PaymentSource) -> SandboxJSON? {
        guard source.given.at("attributes", "verification") != nil, let result = card.authentication else { return nil }
        return .of([
            "liability_shift": .string(result.shift),
            "three_d_secure": .of([
                "enrollment_status": .string(result.enrolled),
                "authentication_status": result.authenticated.map { .string($0) },
            ]),
        ])
    }

    private func vaultJSON(_ order: PayPalOrder, _ source: PaymentSource, _ base: String) -> SandboxJSON? {
        let up = SandboxJSON.array([link("\(base)/v2/checkout/orders/\(order.id)", "up", "GET")])
        switch source.vaulting {
        case .none, .wanted: return nil
        case .approved(let customer):
            return .of(["status": "APPROVED", "customer": .of(["id": .string(customer)]), "links": up])
        case .vaulted(let token, let customer):
            return .of([
                "id": .string(token), "status": "VAULTED", "customer": .of(["id": .string(customer)]), "links": up,
            ])
        }
    }
}
