import Foundation
import Synchronization
import TestKit

/// A unix socket before a server's, which cuts the line at a chosen moment.
final class LossyLine: Sendable {
    enum Cut {
        /// The first message that holds these words never reaches the server.
        case before(String)
        /// It does, the server answers, and the answer never reaches the client.
        case after(String)
    }

    let directory: String
    private let listener: Int32
    private let server: String
    private let cut: Mutex<Cut?>

    init(to server: PostgresServer, _ cut: Cut) throws {
        directory = try TestDirectory.make("line")
        self.server = server.directory + "/.s.PGSQL.\(server.port)"
        self.cut = Mutex(cut)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let status = withAddress(directory + "/.s.PGSQL.5432") { [listener] in bind(listener, $0, $1) }
        guard listener >= 0, status == 0, listen(listener, 16) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        Thread.detachNewThread { self.accept() }
    }

    var url: String { "postgres://postgres@/postgres?host=\(directory)" }

    func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { break }
            Thread.detachNewThread { self.carry(client) }
        }
        Foundation.close(listener)
    }

    private func carry(_ client: Int32) {
        let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            Foundation.close(client)
            Foundation.close(upstream)
        }
        guard withAddress(server, { connect(upstream, $0, $1) }) == 0 else { return }
        var ends = [
            pollfd(fd: client, events: Int16(POLLIN), revents: 0),
            pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&ends, 2, -1) > 0 {
            if ends[0].revents != 0 {
                guard let bytes = receive(client) else { return }
                switch verdict(on: bytes) {
                case nil: send(upstream, bytes)
                case .before?: return
                case .after?:
                    send(upstream, bytes)
                    _ = receive(upstream)
                    return
                }
            }
            if ends[1].revents != 0 {
                guard let bytes = receive(upstream) else { return }
                send(client, bytes)
            }
        }
    }

    /// Cuts once.
    private func verdict(on bytes: [UInt8]) -> Cut? {
        cut.withLock { cut in
            let words: String
            switch cut {
            case nil: return nil
            case .before(let text)?, .after(let text)?: words = text
            }
            guard String(decoding: bytes, as: UTF8.self).contains(words) else { return nil }
            defer { cut = nil }
            return cut
        }
    }

    private func receive(_ socket: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(socket, &buffer, buffer.count)
        return count > 0 ? Array(buffer.prefix(count)) : nil
    }

    private func send(_ socket: Int32, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
