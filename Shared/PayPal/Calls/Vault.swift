/// A setup token: a payment method that waits for the buyer's word.
package struct SetupTokenAnswer: Sendable, Hashable {
    package var json: JSON
    package let id: String

    package init?(_ json: JSON) {
        guard let id = json["id"].string, !id.isEmpty else { return nil }
        self.json = json
        self.id = id
    }

    /// PAYER_ACTION_REQUIRED, CREATED, APPROVED, TOKENIZED, VAULTED.
    package var status: String { json["status"].string ?? "" }
    package var customerID: String? { json["customer"]["id"].string }
    package var approvalURL: String? {
        json["links"].array.first { ["approve", "payer-action"].contains($0["rel"].string) }?["href"].string
    }
}

/// A vault token as PayPal knows it.
package struct VaultTokenAnswer: Sendable, Hashable {
    package var json: JSON
    package let id: String

    package init?(_ json: JSON) {
        guard let id = json["id"].string, !id.isEmpty else { return nil }
        self.json = json
        self.id = id
    }

    package var customerID: String? { json["customer"]["id"].string }
    /// `paypal`, `card`, `venmo`, `apple_pay`.
    package var source: String? { json["payment_source"].members.first?.name }
}

extension PayPalClient {
    // MARK: Setup tokens

    /// Saves a payment method without a charge; the buyer approves at `approvalURL`.
    ///
    /// - Parameter source: PayPal's `payment_source`, with the return addresses in its `experience_context`.
    package func createSetupToken(
        source: JSON,
        customerID: String? = nil,
        of merchant: String,
        details: CallDetails
    ) async -> PayPalReply<SetupTokenAnswer> {
        let body: JSON = [
            "payment_source": source,
            "customer": customerID.map { ["id": .string($0)] } ?? .null,
        ]
        return await send(
            PayPalCall("setup-tokens.create", .post, "/v3/vault/setup-tokens", body: body.compacted, merchant: merchant)
                .with(details)
        )
        .reading { $0.json.flatMap(SetupTokenAnswer.init) }
    }

    package func setupToken(_ id: String, of merchant: String) async -> PayPalReply<SetupTokenAnswer> {
        await send(
            PayPalCall("setup-tokens.get", .get, "/v3/vault/setup-tokens" + PayPalCall.path(id), merchant: merchant)
        )
        .reading { $0.json.flatMap(SetupTokenAnswer.init) }
    }

    // MARK: Payment tokens

    /// Makes the vault token of a setup token that the buyer approved.
    ///
    /// Errors among the rejections: `PAYER_ACTION_REQUIRED` before the approval, `SETUP_TOKEN_ALREADY_TOKENIZED` when it
    /// was done before; then the customer's tokens tell which one.
    package func createVaultToken(
        fromSetupToken id: String,
        of merchant: String,
        details: CallDetails
    ) async -> PayPalReply<VaultTokenAnswer> {
        let body: JSON = ["payment_source": ["token": ["id": .string(id), "type": "SETUP_TOKEN"]]]
        return await send(
            PayPalCall("payment-tokens.create", .post, "/v3/vault/payment-tokens", body: body, merchant: merchant)
                .with(details)
        )
        .reading { $0.json.flatMap(VaultTokenAnswer.init) }
    }

    package func vaultToken(_ id: String, of merchant: String) async -> PayPalReply<VaultTokenAnswer> {
        await send(
            PayPalCall("payment-tokens.get", .get, "/v3/vault/payment-tokens" + PayPalCall.path(id), merchant: merchant)
        )
        .reading { $0.json.flatMap(VaultTokenAnswer.init) }
    }

    /// The buyer's vault tokens, the newest first, as PayPal lists them.
    package func vaultTokens(ofCustomer id: String, of merchant: String) async -> PayPalReply<[VaultTokenAnswer]> {
        let query = [PayPalCall.Pair("customer_id", id), .init("page_size", "5"), .init("page", "1")]
        return await send(
            PayPalCall("payment-tokens.list", .get, "/v3/vault/payment-tokens", query: query, merchant: merchant)
        )
        .reading { answer in answer.json.map { $0["payment_tokens"].array.compactMap(VaultTokenAnswer.init) } }
    }

    /// Purges a vault token. True when PayPal still had it; false when it was gone already, which is as good.
    package func deleteVaultToken(_ id: String, of merchant: String) async -> PayPalReply<Bool> {
        let reply = await send(
            PayPalCall(
                "payment-tokens.delete",
                .delete,
                "/v3/vault/payment-tokens" + PayPalCall.path(id),
                merchant: merchant
            )
        )
        // In PayPal's words: a gateway's 404 says nothing of the token.
        if case .rejected(let rejection) = reply, rejection.status == 404, !rejection.isMute {
            return .answered(false, rejection.trace)
        }
        return reply.map { _ in true }
    }
}
