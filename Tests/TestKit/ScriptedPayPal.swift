package import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
package import PayPal
import Synchronization
import Web

/// A server that answers as PayPal was seen to answer, and remembers what it was asked.
package final class ScriptedPayPal: Sendable {
    package struct Asked: Sendable {
        package var method: String
        package var path: String
        package var query: String
        package var headers: [String: String]
        package var body: String

        package var line: String { method + " " + path }
        package var json: JSON { JSON(parsing: body) ?? .null }
    }

    package struct Answer: Sendable {
        package var status = 200
        package var headers: [String: String] = [
            "Content-Type": "application/json", "Paypal-Debug-Id": "f00dfeedc0de1",
        ]
        package var body = ""
        /// Answers only when the test is over.
        package var never = false

        package static func json(_ body: String) -> Answer { .json(200, body) }

        package static func json(_ status: Int, _ body: String, _ more: [String: String] = [:]) -> Answer {
            var answer = Answer(status: status, body: body)
            answer.headers.merge(more) { $1 }
            return answer
        }

        package static func html(_ status: Int) -> Answer {
            Answer(status: status, headers: ["Content-Type": "text/html"], body: "<html><b>Sorry</b></html>")
        }

        package static func refusal(_ status: Int, _ name: String, _ issue: String? = nil) -> Answer {
            let details = issue.map { #","details":[{"issue":"\#($0)","field":"/x","description":"d"}]"# } ?? ""
            return .json(status, #"{"name":"\#(name)","message":"m","debug_id":"b0d7","links":[]\#(details)}"#)
        }

        package static let silence = Answer(never: true)
    }

    private struct State {
        package var asked: [Asked] = []
        var script: [String: [Answer]] = [:]
        var tokens = 0
    }

    private let state = Mutex(State())

    /// What comes for `POST /path`, one after the other; the last one for ever.
    package func answers(_ line: String, _ answers: Answer...) {
        state.withLock { $0.script[line] = answers }
    }

    /// Without the calls for tokens.
    package var asked: [Asked] { state.withLock { $0.asked }.filter { $0.path != "/v1/oauth2/token" } }
    package var tokenCalls: [Asked] { state.withLock { $0.asked }.filter { $0.path == "/v1/oauth2/token" } }

    private func answer(to asked: Asked) -> Answer {
        state.withLock { state in
            state.asked.append(asked)
            if var answers = state.script[asked.line] {
                let answer = answers[0]
                if answers.count > 1 { answers.removeFirst() }
                state.script[asked.line] = answers
                return answer
            }
            if asked.path == "/v1/oauth2/token" {
                state.tokens += 1
                let text = #"{"access_token":"A21AA\#(state.tokens)","token_type":"Bearer","expires_in":32400}"#
                return .json(text)
            }
            return .refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        }
    }

    private var routes: RouteCollection<WebContext> {
        let routes = RouteCollection(context: WebContext.self)
        for method in [HTTPRequest.Method.get, .post, .patch, .delete] {
            routes.on("**", method: method) { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                let headers = request.headers.map { ($0.name.canonicalName, $0.value) }
                let answer = self.answer(
                    to: Asked(
                        method: method.rawValue,
                        path: request.uri.path,
                        query: request.uri.query ?? "",
                        headers: Dictionary(headers) { first, _ in first },
                        body: String(buffer: body)
                    )
                )
                // Because being cancelled, at the end of the test, ends the wait.
                if answer.never { try? await Task.sleep(for: .seconds(60)) }
                var fields = HTTPFields()
                for (name, value) in answer.headers { fields[HTTPField.Name(name)!] = value }
                return Response(
                    status: .init(code: answer.status),
                    headers: fields,
                    body: .init(byteBuffer: .init(string: answer.body))
                )
            }
        }
        return routes
    }

    /// - Parameter port: nil for the settings of PayPal's own sandbox.
    package static func settings(port: Int?) -> PayPalSettings {
        PayPalSettings(
            environment: .sandbox,
            pretendedAt: port.map { "http://127.0.0.1:\($0)" },
            clientID: "client",
            clientSecret: "secret-word",
            partnerMerchantID: "PARTNER1",
            attributionID: "Thrive_SP"
        )
    }

    /// Runs it, with a client that gives up soon.
    package static func run<Result: Sendable>(
        store: (any TokenStore)? = nil,
        now: @escaping @Sendable () -> Date = { .now },
        log: CapturedLog = CapturedLog(),
        timeout: Duration = .seconds(20),
        _ body: @escaping @Sendable (ScriptedPayPal, PayPalClient) async throws -> Result
    ) async throws -> Result {
        let payPal = ScriptedPayPal()
        return try await withServer([payPal.routes]) { port in
            let client = PayPalClient(
                settings(port: port),
                store: store,
                timeouts: .init(short: timeout, long: timeout),
                now: now,
                logger: log.logger
            )
            return try await body(payPal, client)
        }
    }
}
