import Logging
import NIOCore
import Synchronization

/// Which node of a Redis Cluster has which of the 16 384 slots, and a client for each.
///
/// The map is asked for once, put right by every `MOVED`, and asked for again when a node does not answer. A redirection
/// means that the command was not run, so it is sent on; nothing else is ever repeated here.
final class ClusterRouter: Sendable {
    private struct Map {
        /// Indices of `addresses`, one for each slot; empty until known.
        var slots: [Int] = []
        var addresses: [RedisConfiguration.Address] = []
        var nodes: [RedisConfiguration.Address: RedisClient] = [:]
        var askedAt: ContinuousClock.Instant?
        var isClosed = false
    }

    /// More in a row means that the nodes do not agree.
    private static let redirections = 5

    private let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let map = Mutex(Map())

    init(_ configuration: RedisConfiguration, on group: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
    }

    var isConnected: Bool {
        map.withLock { map in !map.slots.isEmpty && map.addresses.allSatisfy { map.nodes[$0]?.isConnected == true } }
    }

    // MARK: Calls

    func call(_ command: [RedisArgument], deadline: Duration?) async throws(RedisError) -> RedisValue {
        let slot = ClusterSlot.of(command: command)
        var node = try await self.node(of: slot)
        for _ in 0..<Self.redirections {
            do {
                return try await node.call(command, deadline: deadline)
            } catch {
                switch redirection(error, from: node) {
                case .moved(let slot, let address):
                    move(slot, to: address)
                    node = try self.node(at: address)
                case .ask(let address):
                    return try await ask(command, at: address, deadline: deadline)
                case nil:
                    if error.code == nil { forget() }
                    throw error
                }
            }
        }
        throw .server(code: "TRYAGAIN", message: "the nodes of the cluster do not agree")
    }

    /// All commands are about keys of one slot. What was redirected is sent again, in its order.
    func pipeline(
        _ commands: [[RedisArgument]],
        deadline: Duration?
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        let slot = commands.lazy.compactMap { ClusterSlot.of(command: $0) }.first
        var results: [Result<RedisValue, RedisError>]
        do {
            results = try await self.node(of: slot).pipeline(commands, deadline: deadline)
        } catch {
            if error.code == nil { forget() }
            throw error
        }
        for index in results.indices {
            guard case .failure(let error) = results[index], ["MOVED", "ASK"].contains(error.code) else { continue }
            do throws(RedisError) {
                results[index] = .success(try await call(commands[index], deadline: deadline))
            } catch {
                results[index] = .failure(error)
            }
        }
        return results
    }

    func blockingConnection(for key: String) async throws(RedisError) -> RedisBlockingConnection {
        try await node(of: ClusterSlot.of(key.utf8)).blockingConnection()
    }

    func close() async {
        let nodes = map.withLock { map in
            map.isClosed = true
            return Array(map.nodes.values)
        }
        for node in nodes { await node.close() }
    }

    private func ask(
        _ command: [RedisArgument],
        at address: RedisConfiguration.Address,
        deadline: Duration?
    ) async throws(RedisError) -> RedisValue {
        let results = try await node(at: address).pipeline([["ASKING"], command], deadline: deadline)
        guard results.count == 2 else { throw .protocolBroken("an answer is missing") }
        return try results[1].get()
    }

    // MARK: The map

    private enum Redirection {
        case moved(slot: Int, RedisConfiguration.Address)
        case ask(RedisConfiguration.Address)
    }

    /// `MOVED 3999 127.0.0.1:6381`. Without a host it means the one that answered.
    private func redirection(_ error: RedisError, from node: RedisClient) -> Redirection? {
        guard case .server(let code, let message) = error, code == "MOVED" || code == "ASK" else { return nil }
        let words = message.split(separator: " ")
        guard words.count >= 2, let slot = Int(words[0]), (0..<ClusterSlot.count).contains(slot),
            let colon = words[1].lastIndex(of: ":"), let port = Int(words[1][words[1].index(after: colon)...])
        else { return nil }
        let host = String(words[1][..<colon])
        let address = address(host: host, port: port, seenFrom: node)
        return code == "MOVED" ? .moved(slot: slot, address) : .ask(address)
    }

    private func address(host: String, port: Int, seenFrom node: RedisClient) -> RedisConfiguration.Address {
        if host.isEmpty || host == "?", case .tcp(let own, _) = node.configuration.address {
            return .tcp(host: own, port: port)
        }
        return .tcp(host: host, port: port)
    }

    private func node(of slot: Int?) async throws(RedisError) -> RedisClient {
        guard let slot else { return try node(at: configuration.address) }
        if let address = address(of: slot) { return try node(at: address) }
        try await learn()
        guard let address = address(of: slot) else {
            throw .server(code: "CLUSTERDOWN", message: "no node has the slot")
        }
        return try node(at: address)
    }

    private func address(of slot: Int) -> RedisConfiguration.Address? {
        map.withLock { map in
            guard map.slots.indices.contains(slot), map.slots[slot] >= 0 else { return nil }
            return map.addresses[map.slots[slot]]
        }
    }

    private func node(at address: RedisConfiguration.Address) throws(RedisError) -> RedisClient {
        var own = configuration
        own.address = address
        own.isCluster = false
        let node: RedisClient? = map.withLock { map in
            if map.isClosed { return nil }
            if let node = map.nodes[address] { return node }
            let node = RedisClient(own, on: group, logger: logger)
            map.nodes[address] = node
            return node
        }
        guard let node else { throw .closed }
        return node
    }

    private func move(_ slot: Int, to address: RedisConfiguration.Address) {
        map.withLock { map in
            guard map.slots.indices.contains(slot) else { return }
            if let index = map.addresses.firstIndex(of: address) {
                map.slots[slot] = index
            } else {
                map.addresses.append(address)
                map.slots[slot] = map.addresses.count - 1
            }
        }
    }

    /// A node is silent: the next call asks who has its slots now, at most once a second.
    private func forget() {
        map.withLock { map in
            if let askedAt = map.askedAt, .now - askedAt < .seconds(1) { return }
            map.slots = []
        }
    }

    /// Asks the nodes that are known, one after another, the connected ones first.
    private func learn() async throws(RedisError) {
        let known = map.withLock { map in
            map.askedAt = .now
            return map.nodes.sorted { $0.value.isConnected && !$1.value.isConnected }.map(\.key)
        }
        var last = RedisError.timedOut
        for address in known + (known.contains(configuration.address) ? [] : [configuration.address]) {
            do throws(RedisError) {
                let node = try node(at: address)
                let patience = min(configuration.commandTimeout, .seconds(2))
                let answer = try await node.call(["CLUSTER", "SLOTS"], deadline: patience)
                return try take(answer, from: node)
            } catch {
                last = error
            }
        }
        throw last
    }

    /// `[[first, last, [host, port, …], replica…]…]`
    private func take(_ answer: RedisValue, from node: RedisClient) throws(RedisError) {
        var slots = Array(repeating: -1, count: ClusterSlot.count)
        var addresses: [RedisConfiguration.Address] = []
        for range in answer.array ?? [] {
            guard let fields = range.array, fields.count >= 3, let first = fields[0].int, let last = fields[1].int,
                first >= 0, last < ClusterSlot.count, first <= last, let primary = fields[2].array, primary.count >= 2,
                let port = primary[1].int
            else { throw .protocolBroken("CLUSTER SLOTS") }
            addresses.append(address(host: primary[0].string ?? "", port: port, seenFrom: node))
            for slot in first...last { slots[slot] = addresses.count - 1 }
        }
        guard !addresses.isEmpty else { throw .server(code: "CLUSTERDOWN", message: "no slots are served") }
        map.withLock { map in
            map.slots = slots
            map.addresses = addresses
        }
    }
}

// MARK: Slots

/// Which part of a cluster a key belongs to.
package enum ClusterSlot {
    package static let count = 16_384

    /// CRC16 (XMODEM) of what stands between the first `{` and the `}` behind it, or of the whole key.
    package static func of(_ key: some Sequence<UInt8>) -> Int {
        let key = Array(key)
        var part = key[...]
        if let open = key.firstIndex(of: UInt8(ascii: "{")),
            let close = key[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
        {
            part = key[(open + 1)..<close]
        }
        var crc: UInt16 = 0
        for byte in part {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
        return Int(crc) % count
    }

    /// That of a command's first key; nil when it has none.
    static func of(command: [RedisArgument]) -> Int? {
        guard let name = command.first?.utf8 else { return nil }
        let position =
            switch String(decoding: name, as: UTF8.self).uppercased() {
            case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO": 3
            case "PING", "INFO", "CONFIG", "CLIENT", "CLUSTER", "SCRIPT", "TIME", "COMMAND", "DBSIZE", "SCAN": 0
            default: 1
            }
        return position > 0 && command.count > position ? of(command[position].utf8) : nil
    }
}

extension RedisArgument {
    fileprivate var utf8: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .text(let text): Array(text.utf8)
        case .int(let number): Array(String(number).utf8)
        }
    }
}
