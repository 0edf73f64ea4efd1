internal import Foundation
internal import HTTPTypes
package import Hummingbird
internal import NIOCore
internal import ServiceLifecycle
package import Web

/// The receiving end as a page: what came, whether it proves itself, and how the next ones are answered.
///
/// The page is whole without script; with it, what comes is shown while one looks.
package struct HookPages: Sendable {
    let inbox: HookInbox
    let renderer: PageRenderer

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("receiver", use: show)
            .get("receiver.js", use: script)
            .get("receiver/live", use: live)
            .get("receiver/:id", use: showOne)
            .post("receiver/manner", use: setManner)
            .post("receiver/secrets", use: setSecrets)
            .post("receiver/clear", use: clear)
    }

    // MARK: GET /receiver

    private struct MannerView {
        var name: String
        var label: String
        var hint: String
        var isNow: Bool
    }

    @Sendable func show(_ request: Request, _ context: WebContext) async throws -> Response {
        let (now, remaining, secrets) = await (inbox.manner, inbox.remaining, inbox.secrets)
        let lines = await inbox.received.reversed().prefix(200).map(HookLine.init)
        return try await page(
            "receiver",
            [
                "address": Self.address(request),
                "manners": HookInbox.Manner.allCases.map {
                    MannerView(name: $0.rawValue, label: $0.label, hint: $0.hint, isNow: $0 == now)
                },
                "remaining": remaining.map { "for \(Wording.size($0, "more delivery", "more deliveries"))" } ?? "",
                "isMisbehaving": now != .verify, "manner": now.label,
                "secrets": secrets.joined(separator: "\n"), "hasSecrets": !secrets.isEmpty,
                "lines": lines, "hasLines": !lines.isEmpty,
            ]
        )
    }

    /// What to give to `gatehouse endpoint create`.
    private static func address(_ request: Request) -> String {
        "http://\(request.head.authority ?? "127.0.0.1:8090")/hooks/shop"
    }

    // MARK: GET /receiver/{id}

    private struct Field {
        var name: String
        var value: String
    }

    /// Errors: 404 `delivery_not_found`.
    @Sendable func showOne(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try context.parameters.require("id", as: Int.self)
        guard let found = await inbox.received.last(where: { $0.id == id }) else {
            throw APIError(.notFound, "delivery_not_found", "No such delivery came, or it is forgotten.")
        }
        return try await page(
            "received",
            [
                "line": HookLine(found),
                "headers": found.headers.sorted { $0.key < $1.key }.map { Field(name: $0.key, value: $0.value) },
                "raw": found.body, "pretty": Self.pretty(found.body) ?? "", "size": found.body.utf8.count,
            ]
        )
    }

    private static func pretty(_ body: String) -> String? {
        // Because what is no JSON is shown as it came.
        guard let value = try? JSONSerialization.jsonObject(with: Data(body.utf8)),
            let data = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.prettyPrinted, .withoutEscapingSlashes]
            )
        else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    // MARK: GET /receiver/live, GET /receiver.js

    /// A row of the table for each delivery, as server-sent events.
    @Sendable func live(_ request: Request, _ context: WebContext) async throws -> Response {
        let stream = await inbox.watch()
        let renderer = renderer
        let body = ResponseBody { writer in
            // So that headers go out before anything came.
            try await writer.write(ByteBuffer(string: ": listening\n\n"))
            for await received in stream.cancelOnGracefulShutdown() {
                let row = try renderer.fragment("receipt", ["lines": [HookLine(received)]])
                let data = row.split(whereSeparator: \.isNewline).map { "data: \($0)\n" }.joined()
                try await writer.write(ByteBuffer(string: "id: \(received.id)\n\(data)\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: body
        )
    }

    @Sendable func script(_ request: Request, _ context: WebContext) async throws -> Response {
        Response.text(
            String(decoding: PackageResources.receiver_js, as: UTF8.self),
            type: "text/javascript; charset=utf-8"
        )
    }

    // MARK: POST /receiver/…

    @Sendable func setManner(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Fields: Decodable {
            var manner: HookInbox.Manner
            var count: String?
        }
        let fields = try await request.form(Fields.self)
        await inbox.behave(fields.manner, for: fields.count.flatMap { Int($0) })
        return .redirect(to: "/receiver", type: .normal)
    }

    /// One a line.
    @Sendable func setSecrets(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Fields: Decodable { var secrets: String }
        let fields = try await request.form(Fields.self)
        let lines = fields.secrets.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        await inbox.know(lines.filter { !$0.isEmpty })
        return .redirect(to: "/receiver", type: .normal)
    }

    @Sendable func clear(_ request: Request, _ context: WebContext) async throws -> Response {
        struct Nothing: Decodable {}
        _ = try await request.form(Nothing.self)
        await inbox.clear()
        return .redirect(to: "/receiver", type: .normal)
    }

    private func page(_ template: String, _ values: [String: Any]) async throws -> Response {
        try await renderer.page(template, at: .receiver, script: true, values)
    }
}

/// A delivery that came, in a row.
struct HookLine {
    var id: Int
    var at: String
    var event: String
    var path: String
    var message: String
    var proof: String
    var proofTone: String
    var schemes: String
    var answer: String
    var answerTone: String
    var isRepeated: Bool
    var hasFollowed: Bool

    init(_ received: HookInbox.Received) {
        id = received.id
        at = received.at.formatted(.iso8601.time(includingFractionalSeconds: true))
        event = received.event ?? "unnamed"
        path = received.path
        message = received.message ?? ""
        let signature = received.signature
        (proof, proofTone) =
            if signature.isProof { ("proven", "good") } else if signature.isUnsigned {
                ("unsigned", "warn")
            } else if [signature.merchant, signature.standard].contains(.bad) {
                ("forged", "bad")
            } else if signature.standard == .stale { ("stale", "bad") } else { ("no secret to check with", "warn") }
        schemes = "HMAC \(signature.merchant.word), Standard Webhooks \(signature.standard.word)"
        answer = received.answered.map(String.init) ?? "none"
        answerTone = received.answered == 200 ? "good" : "bad"
        isRepeated = received.isRepeated
        hasFollowed = received.path == HookInbox.trap
    }
}

extension HookSignature.Finding {
    var word: String {
        switch self {
        case .absent: "absent"
        case .good: "right"
        case .bad: "wrong"
        case .unknown: "not checked"
        case .stale: "too old"
        }
    }
}

extension HookInbox.Manner {
    var label: String {
        switch self {
        case .verify: "Verify"
        case .fail: "Fail"
        case .hang: "Hang"
        case .redirect: "Redirect"
        case .gone: "Be gone"
        }
    }

    var hint: String {
        switch self {
        case .verify: "200 when the signature is right, else 401"
        case .fail: "500 to everything"
        case .hang: "no answer for two minutes"
        case .redirect: "307 to an address nobody should follow"
        case .gone: "410: never come again"
        }
    }
}
