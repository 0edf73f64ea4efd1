internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle
internal import Web

#if canImport(Glibc)
internal import Glibc
#endif

/// A server whose port may be another's: then that is said, instead of what the kernel calls it.
struct Listening: Service {
    let server: WebServer
    let host: String
    let port: Int

    func run() async throws {
        do {
            try await server.application.run()
        } catch let error as IOError {
            throw PortProblem(error.errnoCode, host: host, port: port) ?? error
        }
    }
}

/// Why nobody can listen there.
struct PortProblem: Error, CustomStringConvertible {
    var port: Int
    var description: String

    /// Nil for what has nothing to do with the address.
    init?(_ code: Int32, host: String, port: Int) {
        self.port = port
        switch code {
        case EADDRINUSE: description = "port \(port) of \(host) is taken by another process"
        case EACCES: description = "port \(port) is for privileged processes only"
        case EADDRNOTAVAIL: description = "this machine has no address \(host)"
        default: return nil
        }
    }
}
