import Foundation
import Glibc

/// Where output goes, and what that place can do.
struct Terminal: Sendable {
    let descriptor: Int32
    let isTerminal: Bool
    let style: Style
    /// Columns, where it is a terminal.
    let width: Int?

    static let output = Terminal(descriptor: STDOUT_FILENO)
    static let errors = Terminal(descriptor: STDERR_FILENO)
    static let input = Terminal(descriptor: STDIN_FILENO)

    /// Colours only on a terminal that has them, and never when `NO_COLOR` holds anything. Source: no-color.org.
    init(descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
        let wantsNone = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        style = isTerminal && !wantsNone && environment["TERM"] != "dumb" ? .coloured : .plain
        width = isTerminal ? Self.columns(of: descriptor, environment) : nil
    }

    private static func columns(of descriptor: Int32, _ environment: [String: String]) -> Int {
        var size = winsize()
        if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return environment["COLUMNS"].flatMap { Int($0) } ?? 80
    }

    /// Whether it knows escape sequences beyond colours.
    var canMoveItsCursor: Bool { isTerminal && ProcessInfo.processInfo.environment["TERM"] != "dumb" }

    /// As it is now: people drag their windows.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes all of it. A reader that has gone away (`… | head`) ends the process quietly, as it ends any filter.
    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                bytes = bytes.dropFirst(written)
            } else if errno == EPIPE {
                exit(ExitStatus.ok.rawValue)
            } else if errno != EINTR && errno != EAGAIN {
                return
            }
        }
    }
}
