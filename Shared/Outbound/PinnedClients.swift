import AsyncHTTPClient
import Synchronization

/// Clients whose host leads to one checked address, kept a while so that connections may be used again.
///
/// A connection that is used again goes to the address that it was opened to, and who asks for it has just had the name
/// resolved to that address and checked: reuse saves handshakes, never a check.
final class PinnedClients: Sendable {
    struct Key: Hashable, Sendable {
        var host: String
        /// The checked address; another one is another client.
        var address: String
    }

    private struct Entry {
        var client: HTTPClient
        var uses = 0
        var lastUsed = ContinuousClock.now
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// Evicted while in use: shut down by its last user.
        var leaving: [ObjectIdentifier: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int = 512) { self.limit = limit }

    deinit {
        for entry in state.withLock({ Array($0.entries.values) }) { Self.shutDown(entry.client) }
    }

    /// A client for the key, and whether it may have connections open.
    func take(_ key: Key, _ make: () -> HTTPClient) -> (client: HTTPClient, isUsedAgain: Bool) {
        let (client, isUsedAgain, evicted) = state.withLock { state in
            var entry = state.entries[key] ?? Entry(client: make())
            let isUsedAgain = state.entries[key] != nil
            entry.uses += 1
            entry.lastUsed = .now
            state.entries[key] = entry
            return (entry.client, isUsedAgain, evict(from: &state))
        }
        for client in evicted { Self.shutDown(client) }
        return (client, isUsedAgain)
    }

    /// After the request is over. `isBroken` lets nobody use its connections again.
    func giveBack(_ key: Key, _ client: HTTPClient, isBroken: Bool) {
        let isLast = state.withLock { state in
            let id = ObjectIdentifier(client)
            if let users = state.leaving[id] {
                state.leaving[id] = users > 1 ? users - 1 : nil
                return users == 1
            }
            guard var entry = state.entries[key], entry.client === client else { return false }
            entry.uses -= 1
            entry.lastUsed = .now
            guard isBroken else {
                state.entries[key] = entry
                return false
            }
            state.entries[key] = nil
            if entry.uses > 0 { state.leaving[id] = entry.uses }
            return entry.uses == 0
        }
        if isLast { Self.shutDown(client) }
    }

    /// Beyond the limit, the half of the idle ones that were not used for longest.
    private func evict(from state: inout State) -> [HTTPClient] {
        guard state.entries.count > limit else { return [] }
        let idle = state.entries.filter { $0.value.uses == 0 }.sorted { $0.value.lastUsed < $1.value.lastUsed }
        let leaving = idle.prefix(max(1, idle.count / 2))
        for (key, _) in leaving { state.entries[key] = nil }
        return leaving.map(\.value.client)
    }

    private static func shutDown(_ client: HTTPClient) {
        // Because nobody waits for it, and a connection that will not close in order ends with the process.
        Task { try? await client.shutdown() }
    }
}
