import Foundation
import Jobs
import PayPal
import Postgres
import ReconciliationJobs
import Redis
import Sealing
import ThriveCart

extension CommandProblem {
    /// What an error of the layers below means to an operator; nil for the argument parser's own, which it words itself.
    init?(explaining error: any Error) {
        switch error {
        case let problem as CommandProblem: self = problem
        case let error as PostgresError: self.init(error)
        case let error as RedisError: self.init(error)
        case let error as JobsError: self.init(error)
        case let error as SealingError: self = .failure("\(error)", fix: Self.keysFix)
        case let error as ReconciliationProblem: self.init(error)
        case let error as ThriveCartAPIError: self.init(error)
        case let outage as PayPalOutage: self.init(outage)
        case is CancellationError: self = .failure("interrupted; nothing of it was kept")
        default: return nil
        }
    }

    private init(_ error: PostgresError) {
        switch error {
        case .server(let refusal) where ["42P01", "42703"].contains(refusal.sqlstate):
            self = .failure("the database lacks what this release needs", fix: "gatehouse migrate")
        case .connect(let sqlstate?, let reason) where ["28000", "28P01", "3D000"].contains(sqlstate):
            self = .settings(
                "Postgres refuses us: \(reason)",
                fix: "put the right user, password and database in DATABASE_URL"
            )
        case .migration(let name, let problem):
            self = .failure("migration \(name): \(problem)")
        default:
            self =
                error.isTransient
                ? .unavailable("\(error)", fix: "see that Postgres runs and that DATABASE_URL is right, then try again")
                : .failure("\(error)")
        }
    }

    private init(_ error: RedisError) {
        switch error.code {
        case "NOAUTH", "WRONGPASS", "NOPERM":
            self = .settings("Redis refuses us: \(error)", fix: "put the right user and password in REDIS_URL")
        default:
            self =
                error.isTransient
                ? .unavailable("\(error)", fix: "see that Redis runs and that REDIS_URL is right, then try again")
                : .failure("\(error)")
        }
    }

    private init(_ problem: ReconciliationProblem) {
        switch problem {
        case .noKey:
            self = .failure("\(problem)", fix: "gatehouse site update SITE --thrivecart-api-key-file FILE")
        case .noPayPal:
            self = .settings(
                "\(problem)",
                fix: "set PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET and PAYPAL_PARTNER_MERCHANT_ID"
            )
        case .otherAccount:
            self = .failure(
                "\(problem)",
                fix: "gatehouse site update SITE --thrivecart-api-key-file FILE, with its own"
            )
        case .underway, .takenOver: self = .unavailable("\(problem)", fix: "wait until it is done, then try again")
        }
    }

    private init(_ error: ThriveCartAPIError) {
        switch error {
        case .unauthorized:
            self = .failure(
                "\(error)",
                fix: "gatehouse site update SITE --thrivecart-api-key-file FILE, with a new key"
            )
        default:
            self =
                error.isTransient
                ? .unavailable("\(error)", fix: "try again later; what was done stays done") : .failure("\(error)")
        }
    }

    private init(_ error: JobsError) {
        switch error {
        case .redis(let error): self.init(error)
        case .full: self = .unavailable("\(error)", fix: "start more workers, or wait until they have caught up")
        default: self = .failure("\(error)")
        }
    }

    private static let keysFix = "see that APP_KEYS still holds every key that something is sealed with"
}
