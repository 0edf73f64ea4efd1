package import Postgres

/// What the database looks like, as the steps that made it.
package enum Schema {
    /// Counted, forward only, never edited once merged. Throws only when this list is not in order.
    package static var migrations: Migrations {
        get throws(PostgresError) {
            try Migrations([
                step("0001_sites_and_plans", PackageResources._001_sites_and_plans_sql),
                step("0002_members_and_orders", PackageResources._002_members_and_orders_sql),
                step("0003_entitlements_and_leads", PackageResources._003_entitlements_and_leads_sql),
                step("0004_events_audit_outbox", PackageResources._004_events_audit_outbox_sql),
                step("0005_endpoints_and_deliveries", PackageResources._005_endpoints_and_deliveries_sql),
                step("0006_merchants", PackageResources._006_merchants_sql),
                step("0007_paypal_payments", PackageResources._007_paypal_payments_sql),
                step("0008_merchant_messages", PackageResources._008_merchant_messages_sql),
                step("0009_dead_letters", PackageResources._009_dead_letters_sql),
                step("0010_reconciliation", PackageResources._010_reconciliation_sql),
                step("0011_renewals", PackageResources._011_renewals_sql),
                step("0012_paypal_events", PackageResources._012_paypal_events_sql),
                step("0013_many_deliveries", PackageResources._013_many_deliveries_sql),
                step("0014_paypal_books", PackageResources._014_paypal_books_sql),
                step("0015_first_charges", PackageResources._015_first_charges_sql),
                step("0016_charge_forms", PackageResources._016_charge_forms_sql),
                step("0017_known_violations", PackageResources._017_known_violations_sql),
                step("0018_fewer_entries", PackageResources._018_fewer_entries_sql),
            ])
        }
    }

    private static func step(_ name: String, _ sql: [UInt8]) -> Migration {
        Migration(name: name, sql: String(decoding: sql, as: UTF8.self))
    }
}
