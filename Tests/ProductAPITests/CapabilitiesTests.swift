import PayPal
import Testing

@testable import ProductAPIRoutes

@Suite struct `Capabilities in groups` {
    func summary(_ capabilities: [String: String]) -> PayPal.JSON {
        CapabilitiesSummary(
            .array(
                capabilities.sorted { $0.key < $1.key }.map { ["name": .string($0.key), "status": .string($0.value)] }
            )
        )
        .json
    }

    func item(_ key: String, in summary: PayPal.JSON) -> PayPal.JSON? {
        summary["groups"].array.flatMap { $0["items"].array }.first { $0["key"].string == key }
    }

    @Test func `the groups stand in their order, with keys and labels`() {
        let groups = summary([:])["groups"].array
        #expect(groups.map { $0["key"].string } == ["wallets", "cards", "pay_later", "apms", "other"])
        #expect(
            groups.map { $0["label"].string } == [
                "Wallets", "Cards", "Pay Later", "Alternative methods", "Other features",
            ]
        )
    }

    @Test func `a button is renderable when it is active, and not otherwise`() {
        let summary = summary(["VENMO_PAY_PROCESSING": "ACTIVE", "GOOGLE_PAY": "PENDING", "AMEX_OPTBLUE": "ACTIVE"])
        #expect(item("venmo", in: summary)?["renderable"].bool == true)
        #expect(item("google_pay", in: summary)?["renderable"].bool == false)
        #expect(item("amex", in: summary)?["renderable"].bool == false)
        #expect(item("amex", in: summary)?["status"].string == "ACTIVE")
    }

    @Test func `Apple Pay alone says that its domain is to be registered`() {
        let summary = summary(["APPLE_PAY": "ACTIVE", "VENMO_PAY_PROCESSING": "ACTIVE"])
        #expect(item("apple_pay", in: summary)?["extra"]["domain_registration_required"].bool == true)
        #expect(item("venmo", in: summary)?["extra"].isNull == true)
    }

    @Test func `rollup counts, names what is pending and what is missing`() {
        let summary = summary([
            "VENMO_PAY_PROCESSING": "ACTIVE", "GOOGLE_PAY": "PENDING", "COMMERCIAL_ENTITY": "ACTIVE",
        ])
        let rollup = summary["rollup"]
        #expect(summary["schema_version"].int == 1)
        #expect(rollup["all_ready"].bool == false)
        #expect(rollup["any_pending"].bool == true)
        #expect(rollup["renderable_count"].int == 1)
        #expect(rollup["pending"].array.compactMap(\.string) == ["google_pay"])
        #expect(rollup["missing"].array.compactMap(\.string).contains("apple_pay"))
        #expect(!rollup["missing"].array.compactMap(\.string).contains("fraud_tools"))
    }

    @Test func `all ready when nothing is pending or missing`() {
        let names = [
            "PAYPAL_CHECKOUT", "VENMO_PAY_PROCESSING", "APPLE_PAY", "GOOGLE_PAY", "CUSTOM_CARD_PROCESSING",
            "PAYPAL_CHECKOUT_PAY_WITH_PAYPAL_CREDIT", "INSTALLMENTS", "PAYPAL_CHECKOUT_ALTERNATIVE_PAYMENT_METHODS",
        ]
        let rollup = summary(Dictionary(uniqueKeysWithValues: names.map { ($0, "ACTIVE") }))["rollup"]
        #expect(rollup["all_ready"].bool == true)
        #expect(rollup["renderable_count"].int == names.count)
    }

    @Test func `a name that we don't know stands among the other features`() {
        let summary = summary(["SOMETHING_NEW": "LIMITED"])
        let item = item("something_new", in: summary)
        #expect(item?["label"].string == "Something new")
        #expect(item?["status"].string == "LIMITED")
        #expect(item?["renderable"].bool == false)
    }

    @Test func `an account without any capabilities is no error`() {
        #expect(CapabilitiesSummary(.null).json["rollup"]["renderable_count"].int == 0)
    }
}
