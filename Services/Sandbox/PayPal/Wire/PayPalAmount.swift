/// Money as PayPal writes it: a currency and a string with as many decimals as the currency has.
package struct PayPalAmount: Sendable, Hashable {
    package var currency: String
    /// Of the currency's smallest unit.
    package var minor: Int64

    /// What PayPal settles in.
    static let currencies: Set<String> = [
        "AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD", "HUF", "ILS", "JPY", "MYR", "MXN", "TWD", "NZD", "NOK",
        "PHP", "PLN", "GBP", "SGD", "SEK", "CHF", "THB", "USD",
    ]

    static func decimals(of currency: String) -> Int {
        ["HUF", "JPY", "TWD"].contains(currency) ? 0 : 2
    }

    package init(_ currency: String, _ minor: Int64) {
        self.currency = currency
        self.minor = minor
    }

    /// Reads `{"currency_code":"usd","value":"17.5"}`.
    init(_ json: SandboxJSON?, at field: String) throws(PayPalProblem) {
        guard let json, let code = json["currency_code"]?.text, let value = json["value"]?.plain else {
            throw .invalid("MISSING_REQUIRED_PARAMETER", field: field)
        }
        currency = code.uppercased()
        guard Self.currencies.contains(currency) else {
            throw .refused("INVALID_CURRENCY_CODE", field: field + "/currency_code", value: code)
        }
        let decimals = Self.decimals(of: currency)
        let parts = value.split(separator: ".", omittingEmptySubsequences: false)
        guard value.utf8.count <= 32, parts.count <= 2, let whole = Int64(parts[0]), whole < 10_000_000_000_000,
            parts.count == 1 || parts[1].allSatisfy(\.isWholeNumber)
        else { throw .invalid("INVALID_PARAMETER_SYNTAX", field: field + "/value", value: value) }
        guard !parts[0].hasPrefix("-") else {
            throw .refused("CANNOT_BE_NEGATIVE", field: field + "/value", value: value)
        }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard fraction.utf8.count <= decimals || fraction.allSatisfy({ $0 == "0" }) && decimals > 0 else {
            throw .refused("DECIMAL_PRECISION", field: field + "/value", value: value)
        }
        let padded = (fraction + "00").prefix(decimals)
        minor = whole * (decimals == 0 ? 1 : 100) + (Int64(padded) ?? 0)
    }

    package var value: String {
        guard Self.decimals(of: currency) > 0 else { return String(minor) }
        let cents = minor.magnitude % 100
        return "\(minor < 0 ? "-" : "")\(minor.magnitude / 100).\(cents < 10 ? "0" : "")\(cents)"
    }

    var json: SandboxJSON { .of(["currency_code": .string(currency), "value": .string(value)]) }

    func with(_ minor: Int64) -> PayPalAmount { PayPalAmount(currency, minor) }

    /// What PayPal keeps of a payment: 3.49 % and 49 cents, as its sandbox does in the US.
    var fee: PayPalAmount {
        let hundredths = minor * 349
        let share = hundredths / 10_000 + (hundredths % 10_000 >= 5_000 ? 1 : 0)
        return with(min(minor, share + 49))
    }
}

extension SandboxJSON {
    /// Amounts as PayPal gives them back: `17.5 usd` became `17.50 USD`, a quantity is a string.
    var normalized: SandboxJSON {
        switch self {
        case .array(let values): return .array(values.map(\.normalized))
        case .object(let members):
            if self["currency_code"] != nil, self["value"] != nil,
                let amount = try? PayPalAmount(self, at: "")  // Because what is no amount stays as it is.
            {
                return with("currency_code", .string(amount.currency)).with("value", .string(amount.value))
                    .with("breakdown", self["breakdown"]?.normalized)
            }
            return .object(
                members.map { member in
                    if member.name == "quantity", let quantity = member.value.plain {
                        return Member(name: member.name, value: .string(quantity))
                    }
                    return Member(name: member.name, value: member.value.normalized)
                }
            )
        default: return self
        }
    }
}
