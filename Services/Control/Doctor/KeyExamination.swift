import Foundation
import Sealing
import Store

/// Whether everything that is sealed in the database opens with the keys of the environment.
struct KeyExamination {
    let keys: Desk
    let database: Desk?

    private struct Count {
        var opened = 0
        /// With a key behind the first.
        var old = 0
        var unknownKeys: Set<String> = []
        var unopened = 0

        var seen: Int { opened + unopened }

        mutating func look(at value: SealedValue, with sealer: Sealer) {
            do throws(SealingError) {
                _ = try sealer.open(value.sealed, for: value.place)
                opened += 1
                if !sealer.isSealedWithCurrentKey(value.sealed) { old += 1 }
            } catch {
                unopened += 1
                if case .unknownKey(let id) = error { unknownKeys.insert(id) }
            }
        }
    }

    func findings() async -> [Finding] {
        guard let database else { return [.unknown(.keys, "what is sealed could not be looked at without Postgres")] }
        do {
            let (store, sealer) = (try database.store, try keys.sealer)
            var findings: [Finding] = []
            var all = Count()
            for column in SealedColumn.all {
                let count = try await Self.count(column, in: store, with: sealer)
                all.opened += count.opened
                all.old += count.old
                if count.unopened > 0 { findings.append(Self.finding(count, in: column)) }
            }
            if all.old > 0 {
                findings.append(
                    .warning(
                        .keys,
                        "\(all.old) secrets are sealed with a key behind the first of APP_KEYS",
                        fix: "gatehouse keys rotate"
                    )
                )
            }
            return findings.isEmpty ? [.ok(.keys, "APP_KEYS open all \(all.opened) sealed secrets")] : findings
        } catch {
            let finding = Finding(.keys, error)
            // A database without its tables is a finding already.
            return finding.fix == "gatehouse migrate" ? [] : [finding]
        }
    }

    private static func count(_ column: SealedColumn, in store: Store, with sealer: Sealer) async throws -> Count {
        let total = try await store.read { try $0.count(of: column) }
        let progress = ProgressLine("opening \(column.name)")
        defer { progress.finish() }
        var count = Count()
        var last: SealedValue.ID?
        repeat {
            progress.show(count.seen, of: total)
            let after = last
            let values = try await store.read { try $0.sealedValues(of: column, after: after, limit: 500) }
            for value in values { count.look(at: value, with: sealer) }
            last = values.last?.id
        } while last != nil
        return count
    }

    private static func finding(_ count: Count, in column: SealedColumn) -> Finding {
        let what = "\(count.unopened) of \(count.seen) in \(column.name) can't be opened"
        guard !count.unknownKeys.isEmpty else {
            return .problem(.keys, "\(what): their bytes were changed or moved", fix: "restore them from a backup")
        }
        let ids = count.unknownKeys.sorted().joined(separator: ", ")
        return .problem(
            .keys,
            "\(what): APP_KEYS lacks \(ids)",
            fix: "put \(ids) back at the end of APP_KEYS, in every process"
        )
    }
}
