/// How an order is paid.
struct PaymentSource: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case paypal, venmo, card, applePay = "apple_pay", googlePay = "google_pay", token
        case bancontact, blik, eps, ideal, p24, trustly, giropay, sofort, mybank

        /// Paid at the buyer's bank.
        var isBank: Bool {
            switch self {
            case .bancontact, .blik, .eps, .ideal, .p24, .trustly, .giropay, .sofort, .mybank: true
            default: false
            }
        }

        /// The bank asks the buyer, and PayPal does not; so nobody has a PayPal account id to come back with.
        var hasNoPayPalLogin: Bool { isBank }
    }

    /// What came of `attributes.vault`.
    enum Vaulting: Sendable {
        case none
        /// To be stored when the payment succeeds.
        case wanted
        /// The buyer agreed, the token is still being made: no id yet.
        case approved(customer: String)
        case vaulted(token: String, customer: String)
    }

    var kind: Kind
    /// As it came.
    var given: SandboxJSON
    var vaultID: String?
    var vaulting = Vaulting.none
    /// The card behind it, for what pays with one.
    var card: PayPalCard?

    /// Nobody need be asked: there is all that a payment takes.
    var paysAtOnce: Bool {
        if vaultID != nil { return true }
        switch kind {
        case .card: return given["number"] != nil || given["network_token"] != nil
        case .applePay: return given["token"] != nil || given["decrypted_token"] != nil
        case .googlePay: return given["decrypted_token"] != nil || given["card"] != nil
        case .token: return true
        default: return false
        }
    }
}

/// A payment card, never with its number.
struct PayPalCard: Sendable {
    var name: String?
    var lastDigits: String
    var brand: String
    var expiry: String?
    /// The last digits of what the 3-D Secure test cards have.
    var authentication: Authentication?

    struct Authentication: Sendable {
        var shift: String
        var enrolled: String
        var authenticated: String?
        /// The buyer has to type something.
        var isChallenge: Bool
    }

    init(name: String?, number: String, expiry: String?) {
        let digits = number.filter(\.isNumber)
        self.name = name
        lastDigits = String(digits.suffix(4))
        self.expiry = expiry
        brand =
            switch digits.first {
            case "3": "AMEX"
            case "5", "2": "MASTERCARD"
            case "6": "DISCOVER"
            default: "VISA"
            }
        authentication = Self.testCards[digits]
    }

    /// PayPal's published cards for trying 3-D Secure.
    private static let testCards: [String: Authentication] = [
        "4868719196829038": .init(shift: "POSSIBLE", enrolled: "Y", authenticated: "Y", isChallenge: false),
        "4868719166101368": .init(shift: "POSSIBLE", enrolled: "Y", authenticated: "Y", isChallenge: true),
        "4868719158130060": .init(shift: "NO", enrolled: "Y", authenticated: "N", isChallenge: false),
        "4868719181895556": .init(shift: "NO", enrolled: "Y", authenticated: "N", isChallenge: true),
        "4868719581920723": .init(shift: "POSSIBLE", enrolled: "Y", authenticated: "A", isChallenge: false),
        "4868719081564153": .init(shift: "NO", enrolled: "Y", authenticated: "R", isChallenge: false),
        "4868719033482561": .init(shift: "NO", enrolled: "Y", authenticated: "U", isChallenge: false),
        "4868719488651967": .init(shift: "NO", enrolled: "U", authenticated: nil, isChallenge: false),
    ]
}
