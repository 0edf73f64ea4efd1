import Dispatch
import Foundation
import Glibc

/// Shows frames on the terminal's other screen until somebody types q; what was there before is there again afterwards.
struct LiveView: Sendable {
    private let terminal: Terminal
    private let interval: Duration

    init(on terminal: Terminal, every interval: Duration) {
        self.terminal = terminal
        self.interval = interval
    }

    private enum Event: Sendable {
        case frame(TopFrame)
        case trouble(String)
        case resized, quit
    }

    /// - Parameter take: one look; it is handed the one before.
    func show(_ take: @escaping @Sendable (TopFrame?) async throws -> TopFrame) async {
        let (events, feed) = AsyncStream.makeStream(of: Event.self)
        let keys = Keyboard { feed.yield(.quit) }
        let signals = Self.signals(feed)
        let looking = Task { await look(take, feed) }
        terminal.write("\u{1B}[?1049h\u{1B}[?25l")  // the other screen, no cursor
        var latest: TopFrame?
        var trouble: String?
        draw(latest, trouble)
        show: for await event in events {
            switch event {
            case .frame(let frame): (latest, trouble) = (frame, nil)
            case .trouble(let text): trouble = text
            case .resized: break
            case .quit: break show
            }
            draw(latest, trouble)
        }
        looking.cancel()
        for signal in signals { signal.cancel() }
        terminal.write("\u{1B}[?25h\u{1B}[?1049l")
        keys.restore()
    }

    private func look(
        _ take: @Sendable (TopFrame?) async throws -> TopFrame,
        _ feed: AsyncStream<Event>.Continuation
    ) async {
        var before: TopFrame?
        while !Task.isCancelled {
            do {
                let frame = try await take(before)
                before = frame
                feed.yield(.frame(frame))
            } catch {
                // It goes on: a server that is away is what somebody may want to watch.
                feed.yield(.trouble(CommandProblem(explaining: error)?.what ?? "\(error)"))
            }
            try? await Task.sleep(for: interval)  // Because a cancelled sleep ends the loop.
        }
    }

    private static func signals(_ feed: AsyncStream<Event>.Continuation) -> [any DispatchSourceSignal] {
        let meanings: [(Int32, Event)] = [(SIGTERM, .quit), (SIGINT, .quit), (SIGHUP, .quit), (SIGWINCH, .resized)]
        return meanings.map { number, event in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { feed.yield(event) }
            source.resume()
            return source
        }
    }

    /// Each line is written over the old one and what is left of it wiped, so that nothing flickers.
    private func draw(_ frame: TopFrame?, _ trouble: String?) {
        let size = terminal.size
        var page = Page(style: terminal.style, width: size.columns)
        if let frame { frame.show(on: &page) } else { page.line("Looking …") }
        var lines = page.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        let room = max(1, size.rows - 1)
        if lines.count > room { lines = lines.prefix(room - 1) + ["…"] }
        while lines.count < room { lines.append("") }
        let footer = trouble.map { ("\($0); trying again. q quits", Tone.bad) } ?? ("q quits", Tone.faint)
        lines.append(terminal.style.paint(PlainText.cut(PlainText.shown(footer.0), to: size.columns), footer.1))
        terminal.write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n"))
    }
}

/// The keyboard, key by key and unseen, until it is restored.
private final class Keyboard: Sendable {
    private let before: termios?

    /// - Parameter quit: called at q, Ctrl-C or Ctrl-D.
    init(quit: @escaping @Sendable () -> Void) {
        var modes = termios()
        guard tcgetattr(STDIN_FILENO, &modes) == 0 else {
            before = nil
            return
        }
        before = modes
        modes.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        tcsetattr(STDIN_FILENO, TCSANOW, &modes)
        Thread.detachNewThread {
            var key: UInt8 = 0
            while read(STDIN_FILENO, &key, 1) == 1 {
                if [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4].contains(key) { quit() }
            }
        }
    }

    func restore() {
        guard var before else { return }
        tcsetattr(STDIN_FILENO, TCSANOW, &before)
    }
}
