internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Web

/// What buyers, merchants and banks do, for tests that have no browser: each answers with `{"redirect": …}` or 404.
extension PayPalRoutes {
    func addBuyerDoors(to collection: RouteCollection<WebContext>) {
        let door = collection.group(RouterPath(prefix + "/_sandbox"))
        door.get("merchants", use: merchants)
        door.post("merchants", use: addMerchant)
        door.post("merchants/:id/revoke", use: revoke)
        door.post("merchants/:id/onboarded", use: onboarded)
        door.post("referrals/:id/:action", use: referral)
        door.post("orders/:id/:action", use: order)
        door.post("setup-tokens/:id/:action", use: setupToken)
        door.delete("payment-tokens/:id", use: removeToken)
        door.post("captures/:id/:action", use: capture)
        door.post("refunds/:id/:action", use: refund)
    }

    /// The body as JSON; an empty one is an empty object.
    private func fields(_ request: Request) async throws -> SandboxJSON {
        let bytes = try await request.bytes(limit: 64 << 10)
        if bytes.isEmpty { return .object([]) }
        guard let json = try? JSONReader.read(bytes) else {
            throw APIError(.badRequest, "bad_json", "The body is no JSON.")
        }
        return json
    }

    private func redirect(_ address: String?) throws -> Response {
        guard let address else { throw APIError(.notFound, "not_possible", "There is nothing to be done here.") }
        return json(.of(["redirect": .string(address)]))
    }

    private func card(_ json: SandboxJSON) -> (name: String?, number: String, expiry: String?)? {
        json.at("card", "number")?.text.map { number in
            (json.at("card", "name")?.text, number, json.at("card", "expiry")?.text)
        }
    }

    // MARK: Merchants

    @Sendable private func merchants(_ request: Request, _ context: WebContext) async throws -> Response {
        let all = sandbox.withBooks { $0.merchants.values.sorted { $0.id < $1.id } }
        return json(.of(["merchants": .array(all.map(\.json))]))
    }

    /// Adds one that is connected, or changes one: `id country currency email legal_name tracking_id receivable
    /// email_confirmed blocks_duplicate_invoices balance`, `capabilities: {"APPLE_PAY": "SUSPENDED"}`,
    /// `vetting: {"PPCP_CUSTOM": "IN_REVIEW"}`.
    @Sendable private func addMerchant(_ request: Request, _ context: WebContext) async throws -> Response {
        let given = try await fields(request)
        let merchant = sandbox.withBooks { books in
            let id = given["id"]?.text ?? books.numbers.account()
            var merchant =
                books.merchants[id] ?? PayPalMerchant(id: id, email: "merchant-\(id.lowercased())@example.com")
            merchant.change(given)
            books.merchants[id] = merchant
            return merchant
        }
        return json(merchant.json, status: 201)
    }

    @Sendable private func revoke(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        guard sandbox.withBooks({ $0.revokeConsent(id) }) else { return try redirect(nil) }
        return Response(status: .noContent)
    }

    /// Says once more that the merchant is there.
    @Sendable private func onboarded(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        sandbox.withBooks { $0.tellOnboarded(id) }
        return Response(status: .noContent)
    }

    /// `approve` as `{"merchant_id": …, "country": …, "email": …}`, or `decline`.
    @Sendable private func referral(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        let given = try await fields(request)
        let isYes = context.parameters.get("action") == "approve"
        return try redirect(
            sandbox.withBooks { books in
                isYes
                    ? books.approveReferral(
                        id,
                        merchant: given["merchant_id"]?.text,
                        country: given["country"]?.text,
                        email: given["email"]?.text
                    )
                    : books.declineReferral(id)
            }
        )
    }

    // MARK: Buyers

    /// `approve` with an `email` or a `card`, `cancel`, `reverse`.
    @Sendable private func order(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        let given = try await fields(request)
        let action = context.parameters.get("action")
        let card = card(given)
        return try redirect(
            sandbox.withBooks { books in
                switch action {
                case "approve": books.approveOrder(id, email: given["email"]?.text, card: card)
                case "cancel": books.cancelOrder(id)
                case "reverse": books.reverseApproval(id) ? books.base : nil
                default: nil
                }
            }
        )
    }

    @Sendable private func setupToken(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        let given = try await fields(request)
        let isYes = context.parameters.get("action") == "approve"
        let card = card(given)
        return try redirect(
            sandbox.withBooks { books in
                isYes
                    ? books.approveSetupToken(id, email: given["email"]?.text, card: card) : books.cancelSetupToken(id)
            }
        )
    }

    @Sendable private func removeToken(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        guard sandbox.withBooks({ $0.removePaymentToken(id) }) else { return try redirect(nil) }
        return Response(status: .noContent)
    }

    // MARK: Banks

    /// `complete` or `deny` what is pending, `reverse`, `dispute` with a `change` of CREATED, UPDATED or RESOLVED.
    @Sendable private func capture(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        let given = try await fields(request)
        let action = context.parameters.get("action")
        return try doing { books throws(PayPalProblem) in
            switch action {
            case "complete": try books.settleCapture(id, completed: true)
            case "deny": try books.settleCapture(id, completed: false)
            case "reverse": return .of(["refund_id": .string(try books.reverseCapture(id).id)])
            case "dispute":
                let change = given["change"]?.text.flatMap { Books.DisputeChange(rawValue: $0) } ?? .created
                return .of(["dispute_id": .string(try books.dispute(id, change))])
            default: throw .unknown()
            }
            return .object([])
        }
    }

    @Sendable private func refund(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        let isDone = context.parameters.get("action") == "complete"
        return try doing { books throws(PayPalProblem) in
            try books.settleRefund(id, completed: isDone)
            return .object([])
        }
    }

    private func doing(_ body: @Sendable (inout Books) throws(PayPalProblem) -> SandboxJSON) throws -> Response {
        let result: Result<SandboxJSON, PayPalProblem> = sandbox.withBooks { books in
            do throws(PayPalProblem) {
                return .success(try body(&books))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let answer): return json(answer)
        case .failure(let problem):
            throw APIError(.init(code: problem.status), "not_possible", problem.issue ?? problem.name)
        }
    }
}

extension PayPalMerchant {
    fileprivate mutating func change(_ json: SandboxJSON) {
        if let text = json["country"]?.text { country = text }
        if let text = json["currency"]?.text { currency = text }
        if let text = json["email"]?.text { email = text }
        if let text = json["legal_name"]?.text { legalName = text }
        if let text = json["tracking_id"]?.text { trackingID = text }
        if let flag = json["receivable"]?.flag { isReceivable = flag }
        if let flag = json["email_confirmed"]?.flag { isEmailConfirmed = flag }
        if let flag = json["blocks_duplicate_invoices"]?.flag { blocksDuplicateInvoices = flag }
        if let number = json["balance"]?.plain.flatMap({ Int64($0) }) { balance = number }
        for member in json["capabilities", default: .null].members {
            capabilities.removeAll { $0.name == member.name }
            if let status = member.value.text { capabilities.append(Capability(name: member.name, status: status)) }
        }
        for member in json["vetting", default: .null].members {
            guard let status = member.value.text else { continue }
            if let index = products.firstIndex(where: { $0.name == member.name }) {
                products[index].vettingStatus = status
            } else {
                products.append(Product(name: member.name, vettingStatus: status, capabilities: []))
            }
        }
    }

    var json: SandboxJSON {
        .of([
            "id": .string(id),
            "tracking_id": trackingID.map { .string($0) },
            "legal_name": .string(legalName),
            "email": .string(email),
            "country": .string(country),
            "currency": .string(currency),
            "email_confirmed": .bool(isEmailConfirmed),
            "receivable": .bool(isReceivable),
            "connected": .bool(isConnected),
            "provisioned": .bool(isProvisioned),
            "blocks_duplicate_invoices": .bool(blocksDuplicateInvoices),
            "balance": balance.map { .whole($0) },
        ])
    }
}
