/// How every command ends: the one place where the numbers are given, and `gatehouse --help` prints them from here.
package enum ExitStatus: Int32, Sendable, CaseIterable {
    case ok = 0
    case failure = 1
    case no = 3
    // The numbers of sysexits.h, which the argument parser uses too.
    case usage = 64
    case unavailable = 69
    case settings = 78

    var meaning: String {
        switch self {
        case .ok: "done, or the answer is yes"
        case .failure: "it could not be done; the message says why and what to do"
        case .no: "the answer is no: no access, nothing found, migrations missing"
        case .usage: "the command line is not understood"
        case .unavailable: "Postgres, Redis or the ingress did not answer; trying again may help"
        case .settings: "the environment lacks a setting or holds a wrong one"
        }
    }

    /// The stable word for it in JSON.
    var name: String {
        switch self {
        case .ok: "ok"
        case .failure: "failure"
        case .no: "no"
        case .usage: "usage"
        case .unavailable: "unavailable"
        case .settings: "settings"
        }
    }
}
