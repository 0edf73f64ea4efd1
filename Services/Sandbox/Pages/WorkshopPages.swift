internal import Domain
package import Hummingbird
package import Web

/// What a real shop does not have, as a page: destinations, faults, the clock.
package struct WorkshopPages: Sendable {
    let shop: Shop
    let renderer: PageRenderer

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("workshop", use: show)
            .post("workshop/destinations", use: register)
            .post("workshop/destinations/remove", use: remove)
            .post("workshop/faults", use: setFaults)
            .post("workshop/faults/clear", use: clearFaults)
            .post("workshop/clock", use: advance)
            .post("workshop/reset", use: reset)
    }

    // MARK: GET /workshop

    private struct DestinationView {
        var url: String
        var surface: String
        var kind: String

        init(_ destination: Destination) {
            url = destination.url
            surface = destination.surface.rawValue
            kind =
                switch (destination.surface, destination.encoding) {
                case (.subscription, _): "Event Subscription"
                case (.account, .json): "account, JSON"
                case (.account, .form): "account, form"
                }
        }
    }

    private struct FaultsView {
        var duplicate: Int
        var delayMilliseconds: Int
        var dropPercent: Int
        var seed: String
        var reorder: Bool

        init(_ faults: Faults) {
            duplicate = faults.duplicate
            delayMilliseconds = faults.delayMilliseconds
            dropPercent = Int(exactly: (faults.dropRate * 100).rounded()) ?? 0
            seed = String(faults.seed)
            reorder = faults.reorder
        }
    }

    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try await page()
    }

    private func page(notice: String? = nil, problem: String? = nil) async throws -> Response {
        var values: [String: Any] = [
            "destinations": await shop.postman.destinations.map(DestinationView.init),
            "faults": FaultsView(await shop.postman.faults),
        ]
        values["notice"] = notice
        values["problem"] = problem
        let status: HTTPResponse.Status = problem == nil ? .ok : .unprocessableContent
        return try await renderer.page("workshop", at: .workshop, status: status, values)
    }

    // MARK: POST /workshop/destinations

    struct DestinationForm: Decodable {
        var url: String
        /// `form`, `json` or `subscription`.
        var kind: String?
        var surface: Destination.Surface?

        var destination: Destination {
            Destination(
                url: url.trimmingBlanks(),
                surface: surface ?? (kind == "subscription" ? .subscription : .account),
                encoding: kind == "json" ? .json : .form
            )
        }
    }

    /// Pings the address and adds it when it answers well.
    @Sendable func register(_ request: Request, _ context: WebContext) async throws -> Response {
        let destination = try await request.form(DestinationForm.self).destination
        let registration = await shop.postman.register(destination)
        if registration.isRegistered {
            return try await page(notice: "\(destination.url) answered well and was added.")
        }
        let head = registration.head.map(String.init) ?? "nothing"
        let post = registration.post.map(String.init) ?? "nothing"
        return try await page(
            problem: "\(destination.url) was not added: HEAD was answered with \(head), an empty POST with \(post)."
        )
    }

    // MARK: POST /workshop/destinations/remove

    @Sendable func remove(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.postman.remove(try await request.form(DestinationForm.self).destination)
        return .redirect(to: "/workshop", type: .normal)
    }

    // MARK: POST /workshop/faults

    struct FaultsForm: Decodable {
        var duplicate: Int?
        var delayMilliseconds: Int?
        var dropPercent: Int?
        var seed: UInt64?
        /// Present when the box is ticked.
        var reorder: String?

        var faults: Faults {
            Faults(
                duplicate: duplicate ?? 0,
                delayMilliseconds: delayMilliseconds ?? 0,
                reorder: reorder != nil,
                dropRate: Double(dropPercent ?? 0) / 100,
                seed: seed ?? 1
            )
        }
    }

    @Sendable func setFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.postman.setFaults(try await request.form(FaultsForm.self).faults)
        return .redirect(to: "/workshop", type: .normal)
    }

    // MARK: POST /workshop/faults/clear

    struct Nothing: Decodable {}

    @Sendable func clearFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await request.form(Nothing.self)
        await shop.postman.setFaults(.none)
        return .redirect(to: "/workshop", type: .normal)
    }

    // MARK: POST /workshop/clock

    struct ClockForm: Decodable {
        var days: Double
    }

    @Sendable func advance(_ request: Request, _ context: WebContext) async throws -> Response {
        shop.clock.advance(by: try await request.form(ClockForm.self).days * 86_400)
        return .redirect(to: "/workshop", type: .normal)
    }

    // MARK: POST /workshop/reset

    @Sendable func reset(_ request: Request, _ context: WebContext) async throws -> Response {
        _ = try await request.form(Nothing.self)
        await shop.reset()
        return .redirect(to: "/workshop", type: .normal)
    }
}
