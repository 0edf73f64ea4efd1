import Foundation
package import Jobs

/// A rule of the scripts, taken out: a check that does not notice that proves nothing.
package enum Sabotage: String, CaseIterable, Sendable {
    /// Whoever settles is believed.
    case fencing
    /// A job may take any number of workers with it.
    case crashBudget = "crash-budget"
    /// Who comes late to a recurring entry fires again.
    case cronCompare = "cron-compare"
    /// What is due becomes ready only when a busy worker looks.
    case promotion

    /// The scripts without the rule.
    package var scripts: Scripts {
        Scripts { name, source in
            guard name == script || script == nil else { return source }
            precondition(source.contains(rule), "\(name).lua no longer has the rule that \(rawValue) takes out")
            return source.replacingOccurrences(of: rule, with: replacement)
        }
    }

    /// Nil: common.lua, which is in all of them.
    private var script: String? {
        switch self {
        case .fencing: "settle"
        case .crashBudget: nil
        case .cronCompare: "fire"
        case .promotion: "lease"
        }
    }

    private var rule: String {
        switch self {
        case .fencing: "held ~= fence"
        case .crashBudget: "crashes >= CRASHES"
        case .cronCompare: "not at or tonumber(at) ~= tonumber(expected)"
        case .promotion: "\npromote(now)\n"
        }
    }

    private var replacement: String {
        switch self {
        case .fencing: "false"
        case .crashBudget: "false"
        case .cronCompare: "not at"
        case .promotion: "\n"
        }
    }
}
