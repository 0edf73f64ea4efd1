internal import AsyncHTTPClient
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import NIOPosix

/// Puts calls on the wire, with the headers that PayPal's rules ask for, and reads what comes back.
struct PayPalWire: Sendable {
    let settings: PayPalSettings
    let http: HTTPClient
    let timeouts: PayPalClient.Timeouts
    let logger: Logger

    func answer(to call: PayPalCall, token: String) async throws(PayPalOutage) -> PayPalAnswer {
        var request = HTTPClientRequest(url: settings.base + call.target)
        request.method = HTTPMethod(rawValue: call.method.rawValue)
        request.headers = headers(of: call, token: token)
        if let body = call.body { request.body = .bytes(body) }
        return try await exchange(request, within: timeouts[call.patience], repeatable: call.isHarmlessTwice)
    }

    private func headers(of call: PayPalCall, token: String) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.add(name: "Authorization", value: "Bearer " + token)
        headers.add(name: "Accept", value: "application/json")
        if !settings.attributionID.isEmpty {
            headers.add(name: "PayPal-Partner-Attribution-Id", value: settings.attributionID)
        }
        if call.method == .post || call.method == .patch {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Prefer", value: "return=representation")
        }
        if let merchant = call.merchant {
            headers.add(
                name: "PayPal-Auth-Assertion",
                value: Self.assertion(clientID: settings.clientID, merchant: merchant)
            )
        }
        // Because a header with a line end in it would be two.
        if let id = call.requestID, id.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            headers.add(name: "PayPal-Request-Id", value: id)
        }
        if let id = call.clientMetadataID { headers.add(name: "PayPal-Client-Metadata-Id", value: id.text) }
        if let mock = call.mockResponse, settings.environment == .sandbox,
            mock.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        {
            headers.add(name: "PayPal-Mock-Response", value: mock)
        }
        return headers
    }

    /// `{"alg":"none"}.{"iss":…,"payer_id":…}.`: an unsigned token that says for whom we call.
    static func assertion(clientID: String, merchant: String) -> String {
        let header: JSON = ["alg": "none"]
        let claims: JSON = ["iss": .string(clientID), "payer_id": .string(merchant)]
        return base64URL(header.bytes) + "." + base64URL(claims.bytes) + "."
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let letters = Data(bytes).base64EncodedData().lazy.filter { $0 != UInt8(ascii: "=") }.map { letter in
            switch letter {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: letter
            }
        }
        return String(decoding: Array(letters), as: UTF8.self)
    }

    // MARK: Tokens

    func accessToken(now: @Sendable () -> Date) async throws(PayPalOutage) -> AccessToken {
        let answer = try await tokenAnswer("grant_type=client_credentials", merchant: nil)
        guard let text = answer.json?["access_token"].string, let seconds = answer.json?["expires_in"].int, seconds > 0
        else { throw PayPalOutage(.unreadableAnswer, trace: answer.trace) }
        let issued = now()
        return AccessToken(text: text, issuedAt: issued, expiresAt: issued.addingTimeInterval(TimeInterval(seconds)))
    }

    /// The answer of the token endpoint; anything but 200 is an outage, since nothing can be done without.
    func tokenAnswer(_ form: String, merchant: String?) async throws(PayPalOutage) -> PayPalAnswer {
        var request = HTTPClientRequest(url: settings.base + "/v1/oauth2/token")
        request.method = .POST
        let pair = Data((settings.clientID + ":" + settings.clientSecret).utf8).base64EncodedString()
        request.headers.add(name: "Authorization", value: "Basic " + pair)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        if let merchant {
            request.headers.add(
                name: "PayPal-Auth-Assertion",
                value: Self.assertion(clientID: settings.clientID, merchant: merchant)
            )
        }
        request.body = .bytes(Array(form.utf8))
        let answer: PayPalAnswer
        do {
            answer = try await exchange(request, within: timeouts[.short], repeatable: true)
        } catch {
            // Because nothing else was asked for yet: whatever happened here, the call itself was not sent.
            throw PayPalOutage(.unreachable, retryAfter: error.retryAfter, trace: error.trace)
        }
        logger.debug(
            "PayPal token asked for",
            metadata: ["status": "\(answer.status)", "paypal_debug_id": "\(answer.trace.anyDebugID ?? "-")"]
        )
        switch answer.status {
        case 200: return answer
        case 400, 401, 403: throw PayPalOutage(.credentials, trace: answer.trace)
        case 429: throw PayPalOutage(.rateLimited, retryAfter: answer.retryAfter ?? .seconds(30), trace: answer.trace)
        default: throw PayPalOutage(.unreachable, retryAfter: answer.retryAfter, trace: answer.trace)
        }
    }

    // MARK: The exchange

    private func exchange(
        _ request: HTTPClientRequest,
        within timeout: Duration,
        repeatable: Bool
    ) async throws(PayPalOutage) -> PayPalAnswer {
        let deadline = NIODeadline.now() + .nanoseconds(Int64(clamping: Int(timeout.inSeconds * 1000)) * 1_000_000)
        do {
            return try await once(request, deadline: deadline)
        } catch {
            let outage = Self.outage(for: error)
            guard repeatable, outage.reason == .connectionLost else { throw outage }
        }
        do {
            return try await once(request, deadline: deadline)
        } catch {
            throw Self.outage(for: error)
        }
    }

    private func once(_ request: HTTPClientRequest, deadline: NIODeadline) async throws -> PayPalAnswer {
        let response = try await http.execute(request, deadline: deadline)
        let headers = response.headers
        let body = Array(buffer: try await response.body.collect(upTo: PayPalClient.longestAnswer))
        let json = JSON(parsing: body)
        let status = Int(response.status.code)
        return PayPalAnswer(
            status: status,
            body: body,
            json: json,
            trace: PayPalTrace(
                status: status,
                debugID: headers.first(name: "paypal-debug-id").flatMap(Self.debugID),
                bodyDebugID: status >= 400 ? json?["debug_id"].string.flatMap(Self.debugID) : nil,
                date: headers.first(name: "date").flatMap(HTTPDate.read)
            ),
            retryAfter: headers.first(name: "retry-after").flatMap(Self.seconds)
        )
    }

    /// What goes into logs and on to shops: a short word, or nothing.
    private static func debugID(_ text: String) -> String? {
        (1...64).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            ? text : nil
    }

    private static func seconds(_ text: String) -> Duration? {
        Int(text).flatMap { (0...86_400).contains($0) ? .seconds($0) : nil }
    }

    private static func outage(for error: any Error) -> PayPalOutage {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: PayPalOutage(.unreachable)
            case .deadlineExceeded, .readTimeout, .writeTimeout, .cancelled: PayPalOutage(.timedOut)
            default: PayPalOutage(.connectionLost)
            }
        case is NIOConnectionError: PayPalOutage(.unreachable)
        case is CancellationError: PayPalOutage(.timedOut)
        case is NIOTooManyBytesError: PayPalOutage(.unreadableAnswer)
        case let error as IOError where error.errnoCode == ECONNREFUSED: PayPalOutage(.unreachable)
        default: PayPalOutage(.connectionLost)
        }
    }
}

/// The one date format of HTTP: `Tue, 15 Nov 1994 08:12:31 GMT`.
enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func read(_ text: String) -> Date? {
        let words = text.split(whereSeparator: { " ,:".contains($0) })
        guard words.count == 8, words[7] == "GMT", let day = Int(words[1]), let year = Int(words[3]),
            let month = months.firstIndex(of: String(words[2])), let hour = Int(words[4]), let minute = Int(words[5]),
            let second = Int(words[6])
        else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(
            from: DateComponents(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
        )
    }
}
