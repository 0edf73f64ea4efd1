internal import Domain
internal import PayPal

/// The bank methods of Europe that a shop may name in `payment_source`, and what each of them wants.
///
/// Source: the document, "Alternative Payment Methods".
struct AlternativeMethod: Sendable {
    var key: String
    var label: String
    var countries: [String]
    var currencies: [String]

    static let all = [
        AlternativeMethod(key: "bancontact", label: "Bancontact", countries: ["BE"], currencies: ["EUR"]),
        AlternativeMethod(key: "blik", label: "BLIK", countries: ["PL"], currencies: ["PLN"]),
        AlternativeMethod(key: "eps", label: "EPS", countries: ["AT"], currencies: ["EUR"]),
        AlternativeMethod(key: "ideal", label: "iDEAL", countries: ["NL"], currencies: ["EUR"]),
        AlternativeMethod(key: "p24", label: "Przelewy24", countries: ["PL"], currencies: ["PLN"]),
        AlternativeMethod(
            key: "trustly",
            label: "Trustly",
            countries: [
                "SE", "FI", "EE", "LV", "LT", "NL", "DE", "AT", "NO", "DK", "GB", "ES", "BG", "CZ", "SK",
            ],
            currencies: ["EUR", "SEK", "DKK", "NOK", "GBP"]
        ),
    ]

    static let keys = Set(all.map(\.key))

    /// The methods that a `payment_source` names.
    static func named(in source: JSON) -> [AlternativeMethod] {
        all.filter { method in source.members.contains { $0.name == method.key } }
    }

    /// What is wrong with an order that is to be paid so; in sentences for whoever wrote the shop.
    func problems(_ block: JSON, order: JSON, currency: String) -> [String] {
        var problems: [String] = []
        let country = block["country_code"].string ?? ""
        if !countries.contains(country) {
            problems.append("\(label) needs country_code \(Self.list(countries)).")
        }
        let name = block["name"].string ?? ""
        if name.allSatisfy(\.isWhitespace) {
            problems.append("\(label) needs the buyer's name.")
        } else if key == "p24", name.contains(where: \.isNumber) {
            problems.append("\(label) takes no digits in the buyer's name.")
        }
        if !currencies.contains(currency) {
            problems.append("\(label) is paid in \(Self.list(currencies)).")
        }
        if key == "trustly", order["processing_instruction"].string != "ORDER_COMPLETE_ON_PAYMENT_APPROVAL" {
            problems.append("\(label) needs processing_instruction ORDER_COMPLETE_ON_PAYMENT_APPROVAL in the order.")
        }
        return problems
    }

    private static func list(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }
}
