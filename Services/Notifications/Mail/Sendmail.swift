import Foundation
import Glibc
import Spawning

/// The system's way to send mail: a program that takes the message on its input, finds the recipient in it (`-t`), and
/// says by its exit status what came of it.
package struct Sendmail: Sendable {
    /// The program and its arguments; never empty.
    private let command: [String]
    private let timeout: Duration

    package enum Outcome: Sendable, Hashable {
        case sent
        /// Worth another try; why.
        case later(String)
        /// Never will be; why.
        case refused(String)
    }

    /// Nil for an empty command: then nothing is sent.
    package init?(_ command: [String], timeout: Duration = .seconds(60)) {
        guard command.first?.isEmpty == false else { return nil }
        self.command = command
        self.timeout = timeout
    }

    /// Runs the program once, on a thread of its own.
    package func send(_ message: [UInt8]) async -> Outcome {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: run(message)) }
        }
    }

    private func run(_ message: [UInt8]) -> Outcome {
        // A program that ends early must not end us with it.
        var pipeSignal = sigset_t()
        sigemptyset(&pipeSignal)
        sigaddset(&pipeSignal, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipeSignal, nil)

        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return .later("no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let pid: pid_t
        do {
            // What it says may hold addresses, so nobody listens.
            pid = try spawn(command, input: ends[0], output: "/dev/null")
        } catch {
            close(ends[0])
            close(ends[1])
            return .later("can't start it: error \(error.number)")
        }
        close(ends[0])
        let deadline = ContinuousClock.now + timeout
        let isTaken = write(message, to: ends[1], until: deadline)
        close(ends[1])
        return wait(for: pid, until: deadline, isTaken: isTaken)
    }

    /// False when the program did not take all of it.
    private func write(_ message: [UInt8], to pipe: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        _ = fcntl(pipe, F_SETFL, O_NONBLOCK)
        var rest = message[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(pipe, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                guard ContinuousClock.now < deadline else { return false }
                var waiting = pollfd(fd: pipe, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, 100)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    private func wait(for pid: pid_t, until deadline: ContinuousClock.Instant, isTaken: Bool) -> Outcome {
        var status: Int32 = 0
        while true {
            let ended = waitpid(pid, &status, WNOHANG)
            if ended == pid { break }
            if ended < 0, errno != EINTR { return .later("its end was not seen") }
            guard ContinuousClock.now < deadline else {
                kill(-pid, SIGKILL)
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                return .later("it took too long")
            }
            poll(nil, 0, 10)
        }
        guard status & 0x7F == 0 else { return .later("signal \(status & 0x7F)") }
        return Self.outcome(ofExit: (status >> 8) & 0xFF, isTaken: isTaken)
    }

    /// Source: sysexits.h. What is wrong with us or the way is worth another try, what is wrong with the letter is not.
    static func outcome(ofExit code: Int32, isTaken: Bool) -> Outcome {
        switch code {
        case 0: isTaken ? .sent : .later("it did not read the message")
        case 65: .refused("exit status 65: the message or its address was refused")
        case 67: .refused("exit status 67: nobody has that address")
        case 68: .refused("exit status 68: the address's host is unknown")
        default: .later("exit status \(code)")
        }
    }
}
