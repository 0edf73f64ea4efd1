package import Foundation

extension Collection<EntitlementState> {
    /// What a member has of a plan, from all its sources: the strongest, with the last end of any that gives access.
    ///
    /// Nil where there is no source at all. Source: rule F1.
    package func strongest(at now: Date) -> EntitlementState? {
        let states = map { $0.asOf(now) }
        guard var strongest = states.max(by: { $0.rank < $1.rank }), strongest.hasAccess else {
            return states.max { $0.rank < $1.rank }
        }
        let open = states.filter(\.hasAccess)
        strongest.accessUntil = open.contains { $0.accessUntil == nil } ? nil : open.compactMap(\.accessUntil).max()
        strongest.changesAt = open.contains { $0.changesAt == nil } ? nil : open.compactMap(\.changesAt).max()
        return strongest
    }
}

extension EntitlementState {
    /// The state as the clock has it, whether or not the sweep has come by.
    package func asOf(_ now: Date) -> Self {
        guard let changesAt, changesAt <= now else { return self }
        var changed = self
        changed.hasAccess = false
        changed.accessUntil = accessUntil ?? changesAt
        changed.changesAt = nil
        if status == .active || status == .ending { changed.status = .ended }
        return changed
    }

    /// Access first, then: active and owned, past due, ending, paused, and the ways of having none.
    fileprivate var rank: Rank {
        let strength =
            switch status {
            case .active: 7
            case .completed: 6
            case .pastDue: 5
            case .ending: 4
            case .paused: 3
            case .refunded: 2
            case .ended: 1
            case .none: 0
            }
        return Rank(access: hasAccess ? 1 : 0, strength: strength, end: accessUntil ?? paidThrough ?? .distantPast)
    }

    fileprivate struct Rank: Comparable {
        var access: Int
        var strength: Int
        /// Tells two of a kind apart, so that the answer does not depend on the order of rows.
        var end: Date

        static func < (left: Self, right: Self) -> Bool {
            (left.access, left.strength, left.end) < (right.access, right.strength, right.end)
        }
    }
}
