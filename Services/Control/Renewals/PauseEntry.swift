import Domain
import Foundation
import Postgres
import Store

/// A pause of charging in documents and on pages, wherever an operator looks.
struct PauseEntry: Encodable, Sendable {
    var merchant: String?
    var source: String
    var reason: String
    var since: Date

    init(_ pause: RenewalPause) {
        merchant = pause.merchant?.description
        source = pause.source.rawValue
        reason = pause.reason
        since = pause.since
    }

    var sentence: String {
        let whom = merchant.map { "merchant \($0)" } ?? "everybody"
        return "Charging is PAUSED for \(whom) since \(Moment.text(since)) by \(source): \(reason)"
    }

    var fix: String { "gatehouse renewals resume" + (merchant.map { " --merchant \($0)" } ?? "") }

    static func show(_ pauses: [PauseEntry], on page: inout Page) {
        for pause in pauses {
            page.line(pause.sentence, .warning)
            page.line("  until: \(pause.fix)")
        }
    }
}

/// Looks at the pauses from commands that are about the queue: a Postgres that is away or not set hides nothing of it.
final class PauseWatch: Sendable {
    private let desk: Desk?

    /// `close()` it.
    init() {
        // Because who has no database set is told so by the doctor, not by every look at a queue.
        desk = try? Desk.open([.database])
    }

    /// Nil where Postgres does not answer within a second.
    func pauses() async -> [PauseEntry]? {
        guard let desk else { return nil }
        let (answers, feed) = AsyncStream.makeStream(of: [PauseEntry]?.self)
        // Because a look that hangs can't be cancelled, it is left behind.
        let looking = Task {
            // Because whatever is wrong with Postgres, the answer is that nobody knows.
            feed.yield(try? await desk.store.read { try $0.renewalPauses() }.map(PauseEntry.init))
        }
        let waiting = Task {
            try? await Task.sleep(for: .seconds(1))  // Because being cancelled is being late.
            feed.yield(nil)
        }
        let first = await answers.first { _ in true }
        looking.cancel()
        waiting.cancel()
        return first ?? nil
    }

    func close() async { await desk?.close() }
}
