extension PayPalClient {
    /// Registers a merchant's domain for Apple Pay; answers PayPal's document.
    ///
    /// Errors among the rejections: `DOMAIN_ALREADY_REGISTERED`, which is as good, and
    /// `DOMAIN_REGISTERED_WITH_ANOTHER_MERCHANT`, which is not.
    package func registerWalletDomain(_ domain: String, of merchant: String) async -> PayPalReply<JSON> {
        await send(
            PayPalCall(
                "wallet-domains.register",
                .post,
                "/v1/customer/wallet-domains",
                body: Self.walletDomain(domain),
                merchant: merchant
            )
        )
        .reading(\.json)
    }

    /// PayPal's page of domains as it is: `wallet_domains`, `total_items`, `total_pages`.
    package func walletDomains(of merchant: String, page: Int = 1, pageSize: Int = 100) async -> PayPalReply<JSON> {
        await send(
            PayPalCall(
                "wallet-domains.list",
                .get,
                "/v1/customer/wallet-domains",
                query: [
                    .init("provider_type", "APPLE_PAY"), .init("page", String(page)),
                    .init("page_size", String(pageSize)),
                ],
                merchant: merchant
            )
        )
        .reading(\.json)
    }

    package func unregisterWalletDomain(_ domain: String, of merchant: String) async -> PayPalReply<JSON> {
        await send(
            PayPalCall(
                "wallet-domains.unregister",
                .post,
                "/v1/customer/unregister-wallet-domain",
                // Because no other reason is taken.
                body: Self.walletDomain(domain).setting("reason", "OTHER"),
                merchant: merchant
            )
        )
        .map { $0.json ?? .object([]) }
    }

    private static func walletDomain(_ domain: String) -> JSON {
        ["provider_type": "APPLE_PAY", "domain": ["name": .string(domain)]]
    }
}
