package import Domain
package import Jobs
import Logging
import Postgres
import Store
import ThriveCart

/// Compares the books of one site with ours, live ones first, test ones where they give access.
///
/// Safe to run twice: see `BooksRun`. A second job finds the first at it and leaves it alone.
package struct ReconcileSite: Job {
    // What is asked.

    package var site: Site.ID

    package init(site: Site.ID) {
        self.site = site
    }

    // How it is run.

    package static let kind: JobKind = "reconciliation.site"
    package static let queue = QueueName.reconciliation
    package static let policy = JobPolicy(attempts: 5, backoff: .exponential(from: .seconds(60)), lease: .seconds(30))
    package var uniqueKey: String? { "site/\(site)" }
    package var group: String? { "site/\(site)" }

    // What is done.

    package func run(_ deps: ReconciliationDependencies, _ context: JobContext) async throws -> JobOutcome {
        guard let site = try await deps.store.read({ try $0.site(site) }), site.status == .active else {
            return .discarded("no such site, or it is suspended")
        }
        for mode in Mode.allCases where site.grants(in: mode) {
            do {
                let run = try await BooksRun(site, in: mode, deps, now: context.now).run(.init(.daily))
                context.logger.info("books compared", metadata: run.metadata)
            } catch let problem as ReconciliationProblem {
                return answer(problem, context)
            } catch let error as ThriveCartAPIError where error.isTransient {
                // An outage spends no attempt: the run goes on at the page where it stands.
                context.logger.warning("the books do not answer", metadata: ["error": "\(error)"])
                return .snoozed(.seconds(300))
            } catch ThriveCartAPIError.unauthorized {
                return refused(ThriveCartAPIError.unauthorized, context)
            } catch let error as ThriveCartAPIError {
                context.logger.error(
                    "the books can't be read",
                    metadata: ["site": "\(site.id)", "problem": "\(error)"]
                )
                throw error
            } catch let error as PostgresError where error.isTransient {
                context.logger.warning("the database is away", metadata: ["error": "\(error)"])
                return .snoozed(.seconds(30))
            }
        }
        return .done
    }

    private func answer(_ problem: ReconciliationProblem, _ context: JobContext) -> JobOutcome {
        switch problem {
        case .noKey, .noPayPal: return .discarded("\(problem)")
        case .underway, .takenOver: return .snoozed(.seconds(30))
        case .otherAccount: return refused(problem, context)
        }
    }

    /// The run is kept as failed, which `gatehouse doctor` and `gatehouse reconcile status` tell until it is put right, and
    /// then it is made within the hour. A dead letter for each try would tell no more.
    private func refused(_ problem: any Error, _ context: JobContext) -> JobOutcome {
        context.logger.error("the books can't be read", metadata: ["site": "\(site)", "problem": "\(problem)"])
        return .snoozed(.seconds(3600))
    }
}

extension Reconciliation {
    var metadata: Logger.Metadata {
        [
            "site": "\(site.map { "\($0)" } ?? "-")", "mode": "\(mode.rawValue)", "rows": "\(counts.rows)",
            "healed": "\(counts.healed)",
            "waiting": "\(counts.waiting)", "person": "\(counts.needsPerson)",
        ]
    }
}
