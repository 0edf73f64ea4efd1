import Domain
import Foundation
import Store

/// What a member has of one plan, and from where: the strongest source decides.
struct PlanAccess: Encodable, Sendable {
    var plan: String
    var access: Bool
    var status: String
    /// When access is known to end; absent is open.
    var until: Date?
    var sources: [Source]

    struct Source: Encodable, Sendable {
        /// `order` or `grant`.
        var kind: String
        var provider: String?
        var order: String?
        var mode: String?
        var item: String?
        var grantedBy: String?
        var status: String
        var access: Bool
        var until: Date?
        var paidThrough: Date?
        var since: Date
    }

    /// One for each plan that the sources are of, by name.
    static func all(of sources: [AccessSource], at now: Date) -> [PlanAccess] {
        Dictionary(grouping: sources, by: \.planSlug)
            .map { plan, sources in PlanAccess(plan.text, sources, at: now) }
            .sorted { $0.plan < $1.plan }
    }

    init(_ plan: String, _ sources: [AccessSource], at now: Date) {
        let strongest = sources.map(\.state).strongest(at: now) ?? .none
        self.plan = plan
        access = strongest.hasAccess
        status = strongest.status.rawValue
        until = strongest.hasAccess ? strongest.accessUntil : nil
        self.sources = sources.map { Source($0, at: now) }
    }

    func show(on page: inout Page) {
        page.line("\(plan): \(sentence)", access ? .good : .bad)
        for source in sources { page.line("  \(source.sentence)") }
    }

    /// `access, active`, `access until 2026-03-01T00:00:00Z, ending`, `no access, refunded`
    var sentence: String {
        guard access else { return "no access, \(status.spaced)" }
        return "access" + (until.map { " until \(Moment.text($0))" } ?? "") + ", \(status.spaced)"
    }
}

extension PlanAccess.Source {
    fileprivate init(_ source: AccessSource, at now: Date) {
        let state = source.state.asOf(now)
        kind = source.bought == nil ? "grant" : "order"
        provider = source.bought?.provider.rawValue
        order = source.bought?.order
        mode = source.bought?.mode.rawValue
        item = source.bought?.item?.description
        grantedBy = source.grantedBy
        status = state.status.rawValue
        access = state.hasAccess
        until = state.accessUntil
        paidThrough = state.paidThrough
        since = source.since
    }

    /// `thrivecart order 40000001, product-7 (test): active, paid through 2026-03-01T00:00:00Z`
    var sentence: String {
        var words =
            if let order {
                "\(provider ?? "") order \(order)" + (item.map { ", \($0)" } ?? "") + (mode == "test" ? " (test)" : "")
            } else {
                "granted by \(grantedBy ?? "an operator")"
            }
        words += ": \(status.spaced)"
        if let paidThrough { words += ", paid through \(Moment.text(paidThrough))" }
        if let until { words += access ? ", access until \(Moment.text(until))" : ", ended \(Moment.text(until))" }
        return words
    }
}

extension String {
    /// `past_due` as people write it.
    var spaced: String { replacing("_", with: " ") }
}

/// One change of access, as lists show it.
struct Change: Encodable, Sendable {
    var at: Date
    var source: String
    var action: String
    var plan: String?
    var before: String?
    var after: String?
    var access: Bool?
    var until: Date?
    var event: String?

    init(_ change: AccessChange) {
        at = change.appliedAt
        source = change.source.rawValue
        action = change.action
        plan = change.plan?.text
        before = change.before?.rawValue
        after = change.after?.rawValue
        access = change.hasAccess
        until = change.accessUntil
        event = change.event?.description
    }

    static func table(_ changes: [Change]) -> Table {
        var table = Table("at", "by", "what", "plan", "from", "to")
        for change in changes {
            table.row(
                Table.Cell(Moment.text(change.at)),
                Table.Cell(change.source),
                Table.Cell(change.action),
                Table.Cell(change.plan),
                Table.Cell(change.before?.spaced),
                Table.Cell(change.after?.spaced, change.access.map { $0 ? .good : .bad } ?? .plain)
            )
        }
        return table
    }
}
