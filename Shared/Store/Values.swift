package import Domain
package import Foundation
package import Postgres

// How the nouns are written in columns.

extension Identifier: PostgresValue {
    package static var postgresType: PostgresType { UUID.postgresType }
    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) { uuid.encode(into: &bytes) }
    package init(from cell: PostgresCell) throws(PostgresValueError) { self.init(try UUID(from: cell)) }
}

extension ItemKey: PostgresValue {
    package static var postgresType: PostgresType { .text }
    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) { try description.encode(into: &bytes) }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard let key = Self(try String(from: cell)) else { throw PostgresValueError("it is no item key") }
        self = key
    }
}

extension Slug: PostgresValue {
    package static var postgresType: PostgresType { .text }
    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) { try text.encode(into: &bytes) }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard let slug = Self(try String(from: cell)) else { throw PostgresValueError("it is no short name") }
        self = slug
    }
}

/// As it was spelled; the normalised form has a column of its own.
extension EmailAddress: PostgresValue {
    package static var postgresType: PostgresType { .text }
    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) { try original.encode(into: &bytes) }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard let address = Self(try String(from: cell)) else { throw PostgresValueError("it is no address") }
        self = address
    }
}

extension Provider: PostgresValue {}
extension Mode: PostgresValue {}
extension BillingFrequency: PostgresValue {}
extension OrderFlag: PostgresValue {}
extension Site.Status: PostgresValue {}
extension Member.Origin: PostgresValue {}
extension Lead.Status: PostgresValue {}
extension Entitlement.Status: PostgresValue {}
extension InboundEvent.Status: PostgresValue {}
extension InboundEvent.Source: PostgresValue {}
extension Suspension.Kind: PostgresValue {}
extension Message.Kind: PostgresValue {}
extension Merchant.Environment: PostgresValue {}
extension Merchant.State: PostgresValue {}
extension PayPalCapture.Status: PostgresValue {}
extension PayPalRefund.Status: PostgresValue {}
extension PayPalEventRecord.Status: PostgresValue {}
extension VaultSubscription.Status: PostgresValue {}
extension VaultSubscription.Flow: PostgresValue {}
extension VaultSubscription.Source: PostgresValue {}

extension Message.Owner {
    /// As `owner` columns have it.
    var uuid: UUID {
        switch self {
        case .site(let id): id.uuid
        case .merchant(let id): id.uuid
        }
    }

    init(row: Row) throws(PostgresError) {
        let merchant: Merchant.ID? = try row["merchant"]
        if let merchant { self = .merchant(merchant) } else { self = .site(try row["site"]) }
    }
}

extension Money {
    /// Nil where the amount was never told.
    init?(row: Row) throws(PostgresError) {
        let minor: Int64? = try row["amount_minor"]
        let currency: String? = try row["currency"]
        guard let minor, let currency else { return nil }
        self.init(minorUnits: minor, currency: currency)
    }
}

extension Rows {
    /// Every row as a value; `map` without losing what can go wrong.
    func values<Value>(_ make: (Row) throws(PostgresError) -> Value) throws(PostgresError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for row in self { values.append(try make(row)) }
        return values
    }
}
