extension Books {
    // MARK: GET /v1/customer/partners/{partner}/merchant-integrations?tracking_id=

    func findIntegration(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard ask.partner == settings.partnerMerchantID else { throw .forbidden() }
        guard let tracking = ask.query["tracking_id"], !tracking.isEmpty else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: "tracking_id", in: "query")
        }
        let found = merchants.values.first { $0.trackingID == tracking && $0.isProvisioned && $0.isConnected }
        guard let found else { throw .unknown() }
        return PayPalReply(
            200,
            .of([
                "merchant_id": .string(found.id),
                "tracking_id": .string(tracking),
                "links": .array([
                    .of(["href": .string(integrationURL(found.id)), "rel": "self", "method": "GET"])
                ]),
            ])
        )
    }

    // MARK: GET /v1/customer/partners/{partner}/merchant-integrations/{merchant}

    func showIntegration(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard ask.partner == settings.partnerMerchantID else { throw .forbidden() }
        guard let merchant = merchants[ask.id], merchant.isProvisioned, merchant.isConnected else { throw .unknown() }
        return PayPalReply(200, integration(merchant))
    }

    private func integration(_ merchant: PayPalMerchant) -> SandboxJSON {
        .of([
            "merchant_id": .string(merchant.id),
            "tracking_id": merchant.trackingID.map { .string($0) },
            "products": .array(
                merchant.products.map { product in
                    .of([
                        "name": .string(product.name),
                        "vetting_status": .string(product.vettingStatus),
                        "capabilities": .array(product.capabilities.map { .string($0) }),
                    ])
                }
            ),
            "capabilities": .array(
                merchant.capabilities.map { .of(["name": .string($0.name), "status": .string($0.status)]) }
            ),
            "payments_receivable": .bool(merchant.isReceivable),
            "legal_name": .string(merchant.legalName),
            "primary_email": .string(merchant.email),
            "primary_email_confirmed": .bool(merchant.isEmailConfirmed),
            "oauth_integrations": .array([
                .of([
                    "integration_type": "OAUTH_THIRD_PARTY",
                    "integration_method": "PAYPAL",
                    "oauth_third_party": .array([
                        .of([
                            "partner_client_id": .string(settings.clientID),
                            "merchant_client_id": .string("merchant-" + merchant.id),
                            "scopes": .array(AccessToken.scopes.dropLast().map { .string($0) }),
                        ])
                    ]),
                ])
            ]),
            "primary_currency": .string(merchant.currency),
            "country": .string(merchant.country),
        ])
    }
}
