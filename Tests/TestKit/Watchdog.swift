import Foundation
import Spawning

/// A shell that outlives the test process by a moment: it kills what was started and removes the directory.
///
/// It waits for the end of a pipe that only the test process holds open, so it is told even of a `kill -9`.
enum Watchdog {
    static func start(for directory: String) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 else {
            fatalError("no pipe: \(String(cString: strerror(errno)))")
        }
        // The writing end stays open, unused, until the process is gone.
        do {
            _ = try spawn(["/bin/sh", "-c", script, directory], input: ends[0], output: "/dev/null")
        } catch {
            fatalError("no watchdog: \(error)")
        }
        close(ends[0])
    }

    private static let script = """
        trap '' HUP INT QUIT TERM
        cat > /dev/null
        for file in "$0"/pids/*; do
            pid=${file##*/}
            kill -9 "-$pid" "$pid" 2> /dev/null
        done
        for again in 1 2 3 4 5; do
            rm -rf "$0" && break
            sleep 0.2
        done
        """
}
