internal import Foundation

extension Books {
    // MARK: POST /v3/vault/payment-tokens

    /// Turns a setup token into a vault token, once the buyer has agreed.
    mutating func createPaymentToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        if let known = memory.result(ask, at: now), case .paymentToken(let id) = known, let token = paymentTokens[id] {
            return PayPalReply(200, tokenJSON(token, ask.base))
        }
        let json = try ask.json()
        let token: PaymentToken
        if let setup = json.at("payment_source", "token") {
            token = try tokenize(setup["id"]?.text ?? "", ask)
        } else if let card = json.at("payment_source", "card"), let number = card["number"]?.text {
            let merchant = owner(of: ask)
            token = addPaymentToken(
                .card,
                card,
                PayPalCard(name: card["name"]?.text, number: number, expiry: card["expiry"]?.text),
                merchant: merchant,
                customer: try customer(json, merchant, .usual),
                merchantCustomer: json.at("customer", "merchant_customer_id")?.text,
                buyer: .usual
            )
        } else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/payment_source")
        }
        memory.keep(.paymentToken(token.id), of: ask, at: now)
        tell(created: token)
        return PayPalReply(201, tokenJSON(token, ask.base))
    }

    private mutating func tokenize(_ id: String, _ ask: PayPalAsk) throws(PayPalProblem) -> PaymentToken {
        guard let setup = setupTokens[id], setup.merchant == owner(of: ask),
            setup.createdAt.addingTimeInterval(SetupToken.life) > now
        else { throw .unknown("TOKEN_NOT_FOUND") }
        switch setup.status {
        case .payerActionRequired, .created: throw .refused("PAYER_ACTION_REQUIRED")
        case .tokenized: throw .refused("SETUP_TOKEN_ALREADY_TOKENIZED")
        case .approved: break
        }
        if ask.outcome?.fault == .decline { throw .named(ask.outcome?.issue ?? "SETUP_TOKEN_NOT_TOKENIZED") }
        setupTokens[id]?.status = .tokenized
        return addPaymentToken(
            setup.kind,
            setup.given,
            setup.card,
            merchant: setup.merchant,
            customer: setup.customer,
            merchantCustomer: setup.merchantCustomer,
            buyer: setup.buyer
        )
    }

    // MARK: GET /v3/vault/payment-tokens/{id}

    func showPaymentToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        PayPalReply(200, tokenJSON(try ownToken(ask), ask.base))
    }

    private func ownToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PaymentToken {
        guard let token = paymentTokens[ask.id], !token.isDeleted else { throw .unknown("TOKEN_NOT_FOUND") }
        guard token.merchant == owner(of: ask) else { throw .forbidden() }
        return token
    }

    // MARK: GET /v3/vault/payment-tokens?customer_id=

    func listPaymentTokens(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let customer = ask.query["customer_id"], !customer.isEmpty else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: "customer_id", in: "query")
        }
        let merchant = owner(of: ask)
        let all = paymentTokens.newestFirst.filter {
            $0.customer == customer && $0.merchant == merchant && !$0.isDeleted
        }
        let size = min(max(1, ask.query["page_size"].flatMap { Int($0) } ?? 5), 20)
        let page = min(max(1, ask.query["page"].flatMap { Int($0) } ?? 1), 10)
        let shown = all.dropFirst((page - 1) * size).prefix(size)
        return PayPalReply(
            200,
            .of([
                "customer": .of(["id": .string(customer)]),
                "payment_tokens": .array(shown.map { tokenJSON($0, ask.base) }),
                "total_items": ask.query["total_required"] == "true" ? .whole(all.count) : nil,
                "total_pages": ask.query["total_required"] == "true"
                    ? .whole(max(1, (all.count + size - 1) / size)) : nil,
                "links": .array([
                    link(
                        "\(ask.base)/v3/vault/payment-tokens?customer_id=\(PayPalForm.encoded(customer))",
                        "self",
                        "GET"
                    )
                ]),
            ])
        )
    }

    // MARK: DELETE /v3/vault/payment-tokens/{id}

    /// Deleting twice is fine.
    mutating func deletePaymentToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let token = paymentTokens[ask.id] else { throw .unknown("TOKEN_NOT_FOUND") }
        guard token.merchant == owner(of: ask) else { throw .forbidden() }
        _ = removePaymentToken(token.id)
        return PayPalReply(204)
    }

    // MARK: As an answer

    func tokenJSON(_ token: PaymentToken, _ base: String) -> SandboxJSON {
        let own = "\(base)/v3/vault/payment-tokens/\(token.id)"
        return .of([
            "id": .string(token.id),
            "customer": customerJSON(token.customer, token.merchantCustomer),
            "payment_source": .object([.init(name: token.kind.rawValue, value: details(token))]),
            "links": .array([link(own, "self", "GET"), link(own, "delete", "DELETE")]),
        ])
    }

    private func details(_ token: PaymentToken) -> SandboxJSON {
        if token.kind == .card || token.kind == .applePay {
            let card = token.card ?? PayPalCard(name: nil, number: "4111111111111111", expiry: nil)
            return token.kind == .card ? vaultedCard(card) : .of(["card": vaultedCard(card)])
        }
        return walletTerms(token.given)
            .with("email_address", .string(token.buyer.email))
            .with("payer_id", .string(token.buyer.id))
            .with("name", token.buyer.name)
    }
}
