internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Web

/// What a test asks and changes, and PayPal does not have.
extension PayPalRoutes {
    func addTestDoors(to collection: RouteCollection<WebContext>) {
        let door = collection.group(RouterPath(prefix + "/_sandbox"))
        door.get("ledger", use: ledger)
        door.get("requests", use: requests)
        door.get("deliveries", use: deliveries)
        door.get("faults", use: showFaults)
        door.post("faults", use: addFaults)
        door.delete("faults", use: clearFaults)
        door.get("clock", use: showClock)
        door.post("clock", use: moveClock)
        door.get("settings", use: showSettings)
        door.post("settings", use: changeSettings)
        door.post("reset", use: reset)
        door.get("ca.pem", use: authority)
        door.post("certificates/rotate", use: rotate)
    }

    // MARK: GET /_sandbox/ledger

    /// `?merchant_id= order_id= capture_id= invoice_id= custom_id= request_id= vault_id= kind= after=`, in any mixture.
    @Sendable private func ledger(_ request: Request, _ context: WebContext) async throws -> Response {
        let wanted = request.fields
        let after = wanted["after"].flatMap { Int($0) } ?? 0
        let names = Set([
            "merchant_id", "order_id", "capture_id", "invoice_id", "custom_id", "request_id", "vault_id", "kind",
        ])
        let asked = wanted.filter { names.contains($0.key) }
        let entries = sandbox.withBooks { books in
            books.money.entries.filter { $0.number > after }.map(\.json).filter { entry in
                asked.allSatisfy { entry[$0.key]?.text == $0.value }
            }
        }
        var totals: [String: Int64] = [:]
        for entry in entries {
            let key = "\(entry["kind"]?.text ?? "") \(entry.at("amount", "currency_code")?.text ?? "")"
            totals[key, default: 0] += entry["minor"]?.plain.flatMap { Int64($0) } ?? 0
        }
        return json(
            .of([
                "count": .whole(entries.count),
                "totals": .object(
                    totals.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .whole($0.value)) }
                ),
                "entries": .array(entries.suffix(wanted["limit"].flatMap { Int($0) } ?? 10_000)),
            ])
        )
    }

    // MARK: GET /_sandbox/requests

    /// `?call= request_id= after= limit=`; the counts are of all calls ever.
    @Sendable private func requests(_ request: Request, _ context: WebContext) async throws -> Response {
        let wanted = request.fields
        let after = wanted["after"].flatMap { Int($0) } ?? 0
        let (entries, counts) = sandbox.withBooks { books in
            let fits = books.requests.entries.filter { entry in
                entry.number > after && (wanted["call"] == nil || wanted["call"] == entry.call.rawValue)
                    && (wanted["request_id"] == nil || wanted["request_id"] == entry.requestID)
            }
            return (fits.suffix(wanted["limit"].flatMap { Int($0) } ?? 1_000).map(\.json), books.requests.counts)
        }
        let all = PayPalCall.allCases.map { SandboxJSON.Member(name: $0.rawValue, value: .whole(counts[$0] ?? 0)) }
        return json(
            .of([
                "count": .whole(entries.count),
                "counts": .object(all),
                "requests": .array(entries),
            ])
        )
    }

    // MARK: GET /_sandbox/deliveries

    /// Webhooks on their way or done, oldest first: `?event_id= state= limit=`.
    @Sendable private func deliveries(_ request: Request, _ context: WebContext) async throws -> Response {
        let wanted = request.fields
        let (all, isIdle) = sandbox.withBooks { books in
            let fits = books.deliveries.all.values.sorted { $0.number < $1.number }.filter { delivery in
                (wanted["event_id"] == nil || wanted["event_id"] == delivery.event)
                    && (wanted["state"] == nil || wanted["state"] == delivery.state.rawValue)
            }
            let shown = fits.suffix(wanted["limit"].flatMap { Int($0) } ?? 1_000)
                .map { $0.json(books.events[$0.event]?.type) }
            return (shown, books.deliveries.isIdle(at: books.now))
        }
        return json(.of(["idle": .bool(isIdle), "count": .whole(all.count), "deliveries": .array(all)]))
    }

    // MARK: /_sandbox/faults

    @Sendable private func showFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Answer: Encodable {
            struct Fault: Encodable {
                var fault: PayPalFault
                var happened: Int
            }
            var faults: [Fault]
        }
        let planned = sandbox.withBooks { $0.faults.planned }
        return .json(Answer(faults: planned.map { .init(fault: $0.fault, happened: $0.happened) }))
    }

    /// One fault, or a list; they are added to those that are there.
    @Sendable private func addFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        let bytes = try await request.bytes(limit: 1 << 20)
        let faults: [PayPalFault]
        do {
            let isList = bytes.first { $0 > 0x20 } == UInt8(ascii: "[")
            faults =
                isList
                ? try JSONDecoder().decode([PayPalFault].self, from: Data(bytes))
                : [try JSONDecoder().decode(PayPalFault.self, from: Data(bytes))]
        } catch {
            throw APIError(.badRequest, "bad_fault", "That is no fault; the README beside the sandbox lists them.")
        }
        sandbox.withBooks { books in for fault in faults { books.faults.add(fault) } }
        return try await showFaults(request, context)
    }

    @Sendable private func clearFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        sandbox.withBooks { $0.faults.clear() }
        return Response(status: .noContent)
    }

    // MARK: /_sandbox/clock

    @Sendable private func showClock(_ request: Request, _ context: WebContext) async throws -> Response {
        json(
            .of([
                "now": .string(PayPalTime.utc(sandbox.clock.now)),
                "ahead_seconds": .whole(Int64(sandbox.clock.offset)),
            ])
        )
    }

    /// `{"seconds": 3600}`, `{"hours": 6}`, `{"days": 3}` onwards, or `{"to": "2027-01-01T00:00:00Z"}`.
    @Sendable private func moveClock(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Move: Decodable {
            var seconds, hours, days: Double?
            var to: String?
        }
        guard let move = try? JSONDecoder().decode(Move.self, from: Data(try await request.bytes(limit: 4096))) else {
            throw APIError(.badRequest, "bad_move", "Say by how many seconds, hours or days, or to when.")
        }
        var seconds = (move.seconds ?? 0) + (move.hours ?? 0) * 3600 + (move.days ?? 0) * 86_400
        if let to = move.to {
            guard let date = PayPalTime.read(to) else {
                throw APIError(.badRequest, "bad_move", "That is no time.")
            }
            seconds = date.timeIntervalSince(sandbox.clock.now)
        }
        guard seconds.isFinite else { throw APIError(.badRequest, "bad_move", "That is no number of seconds.") }
        sandbox.advance(by: seconds)
        return try await showClock(request, context)
    }

    // MARK: /_sandbox/settings

    @Sendable private func showSettings(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(sandbox.withBooks { $0.settings })
    }

    /// All of them; what is left out is as it is by default.
    @Sendable private func changeSettings(_ request: Request, _ context: WebContext) async throws -> Response {
        let bytes = try await request.bytes(limit: 64 << 10)
        guard let settings = try? JSONDecoder().decode(PayPalHabits.self, from: Data(bytes)) else {
            throw APIError(.badRequest, "bad_settings", "A setting is not what it should be.")
        }
        sandbox.withBooks { $0.settings = settings }
        return .json(settings)
    }

    // MARK: The rest

    @Sendable private func reset(_ request: Request, _ context: WebContext) async throws -> Response {
        sandbox.reset()
        return Response(status: .noContent)
    }

    /// What a receiver of webhooks has to trust.
    @Sendable private func authority(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let pem = try sandbox.withBooks({ $0.authority })?.rootsPEM else {
            throw APIError(.notFound, "no_certificates", "No certificates could be made.")
        }
        return .text(pem, type: "application/x-pem-file")
    }

    @Sendable private func rotate(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try sandbox.rotateCertificate()
        return json(.of(["id": .string(id)]))
    }

    func json(_ json: SandboxJSON, status: Int = 200) -> Response {
        PayPalReply(status, json).response
    }
}

extension PayPalDelivery {
    fileprivate func json(_ type: String?) -> SandboxJSON {
        .of([
            "number": .whole(number),
            "event_id": .string(event),
            "event_type": type.map { .string($0) },
            "webhook_id": .string(webhook),
            "url": .string(url),
            "state": .string(state.rawValue),
            "due": .string(PayPalTime.utc(due)),
            "tries": .array(
                tries.map { .of(["at": .string(PayPalTime.utc($0.at)), "status": $0.status.map { .whole($0) }]) }
            ),
        ])
    }
}
