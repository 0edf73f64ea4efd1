extension Books {
    // MARK: POST /v1/customer/wallet-domains

    mutating func registerDomain(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let (merchant, name) = try domain(ask)
        if domains[merchant, default: []].contains(name) { throw .refused("DOMAIN_ALREADY_REGISTERED") }
        if domains.contains(where: { $0.key != merchant && $0.value.contains(name) }) {
            throw .refused("DOMAIN_REGISTERED_WITH_ANOTHER_MERCHANT")
        }
        domains[merchant, default: []].append(name)
        var answer = domainJSON(name, merchant)
        answer.set(
            "merchant",
            .of([
                "account_id": .string(merchant),
                "business_name": .string(merchants[merchant]?.legalName ?? "Sample Partner"),
                "url": .string("https://\(name)"),
            ])
        )
        return PayPalReply(201, answer)
    }

    private func domain(_ ask: PayPalAsk) throws(PayPalProblem) -> (merchant: String, name: String) {
        let json = try ask.json()
        guard let name = json.at("domain", "name")?.text else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: "/domain/name")
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count > 1, name.utf8.count <= 253,
            labels.allSatisfy({ label in
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.utf8.allSatisfy {
                        $0 == 0x2D || ($0 < 0x80 && Character(Unicode.Scalar($0)).isLetter)
                            || (0x30...0x39).contains($0)
                    }
            })
        else { throw .invalid("INVALID_PARAMETER_SYNTAX", field: "/domain/name", value: name) }
        guard json["provider_type"]?.text == "APPLE_PAY" else {
            throw .invalid("INVALID_PARAMETER_VALUE", field: "/provider_type")
        }
        return (owner(of: ask), name.lowercased())
    }

    private func domainJSON(_ name: String, _ merchant: String) -> SandboxJSON {
        .of([
            "provider_type": "APPLE_PAY",
            "domain": .of(["name": .string(name)]),
            "merchant": .of(["account_id": .string(merchant)]),
        ])
    }

    // MARK: GET /v1/customer/wallet-domains

    /// Few at a time; the counts are strings.
    func listDomains(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let merchant = owner(of: ask)
        let all = domains[merchant, default: []]
        let size = min(max(1, ask.query["page_size"].flatMap { Int($0) } ?? settings.domainPageSize), 1000)
        let page = min(max(1, ask.query["page"].flatMap { Int($0) } ?? 1), 100_000)
        let shown = all.dropFirst(min(all.count, (page - 1) * size))
            .prefix(size)
        return PayPalReply(
            200,
            .of([
                "wallet_domains": .array(shown.map { domainJSON($0, merchant) }),
                "total_items": .string(String(all.count)),
                "total_pages": .string(String((all.count + size - 1) / size)),
            ])
        )
    }

    // MARK: POST /v1/customer/unregister-wallet-domain

    /// The only reason that PayPal's sandbox takes is `OTHER`.
    mutating func unregisterDomain(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let (merchant, name) = try domain(ask)
        let reason = try ask.json()["reason"]?.text
        guard reason == "OTHER" else { throw .invalid("INVALID_PARAMETER_SYNTAX", field: "/reason", value: reason) }
        guard domains[merchant, default: []].contains(name) else { throw .refused("DOMAIN_NOT_REGISTERED") }
        domains[merchant]?.removeAll { $0 == name }
        return PayPalReply(200, domainJSON(name, merchant))
    }
}
