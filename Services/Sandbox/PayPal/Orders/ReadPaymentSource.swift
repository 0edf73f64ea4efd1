extension Books {
    /// The way to pay that a request names; nil where it names none.
    func paymentSource(_ json: SandboxJSON, _ ask: PayPalAsk, payee: String) throws(PayPalProblem) -> PaymentSource? {
        guard let sources = json["payment_source"], !sources.members.isEmpty else { return nil }
        guard sources.members.count == 1, let member = sources.members.first else {
            throw .invalid("INVALID_PARAMETER_SYNTAX", field: "/payment_source")
        }
        guard let kind = PaymentSource.Kind(rawValue: member.name), member.value.isObject else {
            throw .refused("PAYMENT_SOURCE_CANNOT_BE_USED", field: "/payment_source/\(member.name)")
        }
        var source = PaymentSource(kind: kind, given: member.value)
        let field = "/payment_source/\(kind.rawValue)"
        source.vaultID =
            member.value["vault_id"]?.text
            ?? (member.value["type"]?.text == "PAYMENT_METHOD_TOKEN" ? member.value["id"]?.text : nil)
        if source.vaultID != nil { try useVault(&source, payee: payee) }
        if kind == .card, let number = member.value["number"]?.text {
            try checkExpiry(member.value["expiry"]?.text)
            source.card = PayPalCard(
                name: member.value["name"]?.text,
                number: number,
                expiry: member.value["expiry"]?.text
            )
        }
        try checkBank(source, field)
        try checkStoredCredential(source, field)
        // Because the sandbox takes the wish for Venmo and never fulfils it.
        if member.value.at("attributes", "vault", "store_in_vault")?.text == "ON_SUCCESS", kind != .venmo {
            source.vaulting = .wanted
        }
        return source
    }

    private func checkExpiry(_ expiry: String?) throws(PayPalProblem) {
        guard let expiry, expiry.utf8.count == 7 else {
            throw .invalid("INVALID_PARAMETER_SYNTAX", field: "/payment_source/card/expiry", value: expiry)
        }
        guard expiry >= PayPalTime.utc(now).prefix(7) else { throw .refused("CARD_EXPIRED") }
    }

    /// A token that is gone, or that another merchant's buyer gave, is not to be used.
    private func useVault(_ source: inout PaymentSource, payee: String) throws(PayPalProblem) {
        guard let id = source.vaultID, let token = paymentTokens[id] else { throw .refused("INVALID_VAULT_ID") }
        guard token.merchant == payee, !token.isDeleted else { throw .forbidden() }
        guard token.kind == source.kind || source.kind == .token else {
            throw .refused("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE")
        }
        source.kind = token.kind
        source.card = token.card
    }

    private func checkBank(_ source: PaymentSource, _ field: String) throws(PayPalProblem) {
        guard source.kind.isBank else { return }
        guard let country = source.given["country_code"]?.text else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: field + "/country_code")
        }
        guard country.utf8.count == 2, country == country.uppercased() else {
            throw .invalid("INVALID_COUNTRY_CODE", field: field + "/country_code", value: country)
        }
        guard let name = source.given["name"]?.text, name.count >= 3 else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: field + "/name")
        }
        if source.kind == .p24, name.contains(where: \.isNumber) {
            throw .invalid("INVALID_PARAMETER_VALUE", field: field + "/name", value: name)
        }
        if source.kind == .p24 || source.kind == .trustly, source.given["email"]?.text == nil {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: field + "/email")
        }
    }

    /// Each way to pay has its own shape for it; the wrong one is refused only where we are strict.
    private func checkStoredCredential(_ source: PaymentSource, _ field: String) throws(PayPalProblem) {
        let field = field + "/stored_credential"
        guard let stored = source.given["stored_credential"] ?? source.given.at("attributes", "stored_credential")
        else {
            return
        }
        let initiator = stored["payment_initiator"]?.text
        if initiator == "MERCHANT", source.given["security_code"] != nil {
            throw .refused("MERCHANT_INITIATED_WITH_SECURITY_CODE")
        }
        if initiator == "MERCHANT", stored["usage"]?.text == "FIRST" || stored["payment_type"]?.text == "ONE_TIME" {
            throw .refused("INCOMPATIBLE_PARAMETER_VALUE", field: field)
        }
        guard settings.isStrict else { return }
        let allowed: Set<String>
        switch source.kind {
        case .card, .applePay:
            allowed = [
                "payment_initiator", "payment_type", "usage", "previous_network_transaction_reference",
                "previous_transaction_reference",
            ]
        case .paypal: allowed = ["payment_initiator", "usage_pattern", "charge_pattern", "usage"]
        default: allowed = []
        }
        if let extra = stored.members.first(where: { !allowed.contains($0.name) }) {
            throw .invalid("NOT_SUPPORTED", field: "\(field)/\(extra.name)")
        }
    }
}
