import Postgres
package import Store

extension DatabaseTemplate {
    /// Our own tables, empty.
    package static let gatehouse = DatabaseTemplate("gatehouse") { pool in
        try await Schema.migrations.apply(to: pool)
    }
}

extension TestDatabase {
    package var store: Store { Store(pool) }
}
