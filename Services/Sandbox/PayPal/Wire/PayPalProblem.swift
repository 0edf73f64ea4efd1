/// A refusal, in one of the shapes that PayPal has for it.
struct PayPalProblem: Error, Sendable {
    enum Shape: Sendable {
        /// `{name, message, debug_id, details, links}`.
        case standard
        /// `{error, error_description}`.
        case oauth
        /// Without details and debug id.
        case bare
    }

    var status: Int
    var name: String
    var message: String
    var shape = Shape.standard
    var details: [SandboxJSON] = []
    var links: [SandboxJSON] = []
    /// Further members of the body.
    var more: [SandboxJSON.Member] = []

    var issue: String? { details.first?["issue"]?.text }

    func body(debugID: String) -> SandboxJSON {
        switch shape {
        case .oauth: return .of(["error": .string(name), "error_description": .string(message)])
        case .bare:
            return .of(["name": .string(name), "details": .array(details), "message": .string(message)])
        case .standard:
            var body = SandboxJSON.of([
                "name": .string(name),
                "message": .string(message),
                "debug_id": .string(debugID),
                "details": .array(details),
                "links": .array(links),
            ])
            for member in more { body.set(member.name, member.value) }
            return body
        }
    }

    // MARK: The usual ones

    /// 400: the request itself is wrong.
    static func invalid(_ issue: String, field: String? = nil, value: String? = nil, in location: String = "body")
        -> PayPalProblem
    {
        PayPalProblem(
            status: 400,
            name: "INVALID_REQUEST",
            message: "Request is not well-formed, syntactically incorrect, or violates schema.",
            details: [detail(issue, field, value, location)],
            links: information(issue)
        )
    }

    /// 422: well-formed, but it can't be done.
    static func refused(_ issue: String, field: String? = nil, value: String? = nil) -> PayPalProblem {
        PayPalProblem(
            status: 422,
            name: "UNPROCESSABLE_ENTITY",
            message:
                "The requested action could not be performed, semantically incorrect, or failed business validation.",
            details: [detail(issue, field, value, field == nil ? nil : "body")],
            links: information(issue)
        )
    }

    static func unknown(_ issue: String = "INVALID_RESOURCE_ID") -> PayPalProblem {
        PayPalProblem(
            status: 404,
            name: "RESOURCE_NOT_FOUND",
            message: "The specified resource does not exist.",
            details: [detail(issue)],
            links: information(issue)
        )
    }

    static func forbidden(_ issue: String = "PERMISSION_DENIED") -> PayPalProblem {
        PayPalProblem(
            status: 403,
            name: "NOT_AUTHORIZED",
            message: "Authorization failed due to insufficient permissions.",
            details: [detail(issue)],
            links: information(issue)
        )
    }

    static func conflict(_ issue: String = "PREVIOUS_REQUEST_IN_PROGRESS") -> PayPalProblem {
        PayPalProblem(
            status: 409,
            name: "RESOURCE_CONFLICT",
            message: "The server has detected a conflict while processing this request.",
            details: [detail(issue)],
            links: information(issue)
        )
    }

    static let unknownToken = PayPalProblem(
        status: 401,
        name: "invalid_token",
        message: "Access Token not found in cache",
        shape: .oauth
    )

    static let noAuthentication = PayPalProblem(
        status: 401,
        name: "AUTHENTICATION_FAILURE",
        message: "Authentication failed due to missing authorization header, or invalid authentication credentials."
    )

    static func server(_ status: Int) -> PayPalProblem {
        status == 503
            ? PayPalProblem(status: 503, name: "SERVICE_UNAVAILABLE", message: "Service Unavailable.")
            : PayPalProblem(
                status: status,
                name: "INTERNAL_SERVER_ERROR",
                message: "An internal server error has occurred."
            )
    }

    static let rateLimited = PayPalProblem(
        status: 429,
        name: "RATE_LIMIT_REACHED",
        message: "Too many requests. Blocked due to rate limiting."
    )

    /// What an issue asked for by name looks like: by `PayPal-Mock-Response`, or by a fault.
    static func named(_ issue: String) -> PayPalProblem {
        switch issue {
        case "INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR": .server(500)
        case "SERVICE_UNAVAILABLE": .server(503)
        case "RATE_LIMIT_REACHED": .rateLimited
        case "AUTHENTICATION_FAILURE": .noAuthentication
        case "INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND": .unknown()
        case "TOKEN_NOT_FOUND", "TRACKER_ID_NOT_FOUND": .unknown(issue)
        case "PERMISSION_DENIED", "NOT_AUTHORIZED": .forbidden()
        case "CONSENT_NEEDED", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING", "PERMISSION_DENIED_FOR_DONATION_ITEMS":
            .forbidden(issue)
        case "PREVIOUS_REQUEST_IN_PROGRESS": .conflict(issue)
        case "INVALID_PARAMETER_SYNTAX", "INVALID_PARAMETER_VALUE", "INVALID_STRING_LENGTH",
            "INVALID_STRING_MAX_LENGTH", "MISSING_REQUIRED_PARAMETER", "MALFORMED_REQUEST_JSON",
            "PAYPAL_REQUEST_ID_REQUIRED":
            .invalid(issue, field: "/purchase_units/0")
        default: .refused(issue)
        }
    }

    private static func detail(
        _ issue: String,
        _ field: String? = nil,
        _ value: String? = nil,
        _ location: String? = nil
    ) -> SandboxJSON {
        .of([
            "field": field.map { .string($0) },
            "value": value.map { .string(String($0.prefix(200))) },
            "location": field == nil ? nil : location.map { .string($0) },
            "issue": .string(issue),
            "description": .string(IssueWording.of(issue)),
        ])
    }

    private static func information(_ issue: String) -> [SandboxJSON] {
        [
            .of([
                "href": .string("https://developer.paypal.com/api/rest/responses/#\(issue)"),
                "rel": "information_link",
                "method": "GET",
            ])
        ]
    }
}

/// A sentence for each issue that somebody may read in a log.
enum IssueWording {
    static func of(_ issue: String) -> String {
        known[issue] ?? issue.lowercased().replacing("_", with: " ").capitalizedFirst + "."
    }

    private static let known = [
        "ORDER_NOT_APPROVED": "The payer has not approved this order yet, and the request names no way to pay.",
        "ORDER_ALREADY_CAPTURED": "This order was captured before; an order is captured once.",
        "PAYER_ACTION_REQUIRED": "The payer has to act first; send them to the payer-action link.",
        "INSTRUMENT_DECLINED":
            "The way to pay was declined by its processor or bank, or can't be used for this payment.",
        "DUPLICATE_INVOICE_ID": "This invoice id was used before, and the payee's account takes each only once.",
        "INVALID_RESOURCE_ID": "There is no resource with this id.",
        "PERMISSION_DENIED": "You have no permission for this resource or operation.",
        "CAPTURE_FULLY_REFUNDED": "The whole capture was refunded before.",
        "REFUND_AMOUNT_EXCEEDED": "The amount is larger than what remains of the capture.",
        "PENDING_CAPTURE": "The capture is pending and can't be refunded yet.",
        "PREVIOUS_REQUEST_IN_PROGRESS": "An earlier request on this resource still runs.",
        "ORDER_COMPLETION_IN_PROGRESS": "An earlier request still captures this order.",
        "PAYPAL_REQUEST_ID_REQUIRED": "An order that is paid at once needs a PayPal-Request-Id.",
        "INVALID_VAULT_ID": "There is no such vault token.",
        "TOKEN_NOT_FOUND": "There is no such token.",
    ]
}

extension String {
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
