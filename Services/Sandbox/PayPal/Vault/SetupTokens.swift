internal import Foundation

extension Books {
    // MARK: POST /v3/vault/setup-tokens

    mutating func createSetupToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        if let known = memory.result(ask, at: now), case .setupToken(let id) = known, let token = setupTokens[id] {
            return PayPalReply(200, setupJSON(token, ask.base))
        }
        let json = try ask.json()
        guard let member = json["payment_source"]?.members.first,
            let kind = PaymentSource.Kind(rawValue: member.name)
        else { throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/payment_source") }
        guard kind == .paypal || kind == .venmo || kind == .card else {
            throw .refused("NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE")
        }
        let merchant = owner(of: ask)
        var token = SetupToken(
            id: numbers.long(),
            status: .payerActionRequired,
            kind: kind,
            given: member.value,
            merchant: merchant,
            customer: try customer(json, merchant, .usual),
            merchantCustomer: json.at("customer", "merchant_customer_id")?.text,
            createdAt: now
        )
        if kind == .card { try readCard(&token) }
        setupTokens.add(token, id: token.id)
        memory.keep(.setupToken(token.id), of: ask, at: now)
        return PayPalReply(201, setupJSON(token, ask.base))
    }

    /// A card with a number needs nobody's leave, unless the bank has to be asked; without one the buyer types it.
    private func readCard(_ token: inout SetupToken) throws(PayPalProblem) {
        guard let number = token.given["number"]?.text else { return }
        token.card = PayPalCard(name: token.given["name"]?.text, number: number, expiry: token.given["expiry"]?.text)
        if let expiry = token.card?.expiry, expiry < PayPalTime.utc(now).prefix(7) { throw .refused("CARD_EXPIRED") }
        let mustAsk = token.given["verification_method"]?.text == "SCA_ALWAYS"
        token.status = mustAsk ? .payerActionRequired : .approved
    }

    // MARK: GET /v3/vault/setup-tokens/{id}

    func showSetupToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let token = setupTokens[ask.id], token.merchant == owner(of: ask),
            token.createdAt.addingTimeInterval(SetupToken.life) > now
        else { throw .unknown("TOKEN_NOT_FOUND") }
        return PayPalReply(200, setupJSON(token, ask.base))
    }

    // MARK: The buyer's side

    /// The buyer agrees to be charged later; answers where the browser goes. The address gets no token.
    mutating func approveSetupToken(
        _ id: String,
        email: String? = nil,
        card: (name: String?, number: String, expiry: String?)? = nil
    ) -> String? {
        guard let token = setupTokens[id], token.status == .payerActionRequired || token.status == .created,
            token.createdAt.addingTimeInterval(SetupToken.life) > now
        else { return nil }
        setupTokens[id]?.status = .approved
        setupTokens[id]?.buyer = Buyer.of(email: email ?? "")
        if let card {
            setupTokens[id]?.card = PayPalCard(name: card.name, number: card.number, expiry: card.expiry)
        } else if token.kind == .card, token.card == nil {
            setupTokens[id]?.card = PayPalCard(name: "John Doe", number: "4111111111111111", expiry: nil)
        }
        return PayPalForm.adding(
            [("approval_token_id", id), ("approval_session_id", id)],
            to: token.returnURL ?? "\(base)/"
        )
    }

    func cancelSetupToken(_ id: String) -> String? {
        guard let token = setupTokens[id] else { return nil }
        return token.cancelURL ?? "\(base)/"
    }

    // MARK: As an answer

    private func setupJSON(_ token: SetupToken, _ base: String) -> SandboxJSON {
        var links = [link("\(base)/v3/vault/setup-tokens/\(token.id)", "self", "GET")]
        if token.status == .payerActionRequired || token.status == .created {
            links.append(link("\(base)/agreements/approve?approval_session_id=\(token.id)", "approve", "GET"))
        } else if token.status == .approved {
            links.append(link("\(base)/v3/vault/payment-tokens", "confirm", "POST"))
        }
        return .of([
            "id": .string(token.id),
            "customer": customerJSON(token.customer, token.merchantCustomer),
            "status": .string(token.status.rawValue),
            "payment_source": .object([.init(name: token.kind.rawValue, value: details(token))]),
            "links": .array(links),
        ])
    }

    private func details(_ token: SetupToken) -> SandboxJSON {
        if token.kind == .card {
            guard let card = token.card else { return .object([]) }
            return vaultedCard(card)
        }
        return walletTerms(token.given)
    }

    func customerJSON(_ customer: String, _ merchantCustomer: String?) -> SandboxJSON {
        .of(["id": .string(customer), "merchant_customer_id": merchantCustomer.map { .string($0) }])
    }

    func vaultedCard(_ card: PayPalCard) -> SandboxJSON {
        .of([
            "name": card.name.map { .string($0) },
            "last_digits": .string(card.lastDigits),
            "brand": .string(card.brand),
            "expiry": card.expiry.map { .string($0) },
        ])
    }

    func walletTerms(_ given: SandboxJSON) -> SandboxJSON {
        .of([
            "description": given["description"],
            "usage_pattern": given["usage_pattern"],
            "usage_type": given["usage_type"] ?? "MERCHANT",
            "customer_type": given["customer_type"] ?? "CONSUMER",
            "permit_multiple_payment_tokens": given["permit_multiple_payment_tokens"] ?? false,
        ])
    }
}
