internal import HTTPTypes
package import Hummingbird
internal import Logging
internal import PayPal
package import Web

/// Turns what a route throws into the document's envelopes, and sees that each answer has a `paypal-debug-id`.
///
/// PayPal's id where PayPal was asked, else our own of the request: support finds either in the log.
struct ShopEnvelopes: RouterMiddleware {
    func handle(
        _ request: Request,
        context: WebContext,
        next: (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as ShopError {
            response = error.response
        } catch let error as APIError {
            response = Self.response(error)
        } catch let error as HTTPError {
            response = ShopError(error.status, error.status.reasonPhrase).response
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(Self.described(error))"])
            response = ShopError(.internalServerError, "Internal error").response
        }
        if response.headers[.payPalDebugID] == nil { response.headers[.payPalDebugID] = context.requestID }
        return response
    }

    /// What the server itself refuses, such as a body that is too large.
    static func response(_ error: APIError) -> Response {
        var shop = ShopError(error.status, error.message)
        shop.headers = error.headers
        return shop.response
    }

    /// Our own errors are written for operators; those of coders show what was sent.
    private static func described(_ error: any Error) -> String {
        error is DecodingError || error is EncodingError ? String(describing: type(of: error)) : "\(error)"
    }
}

extension ProductAPI {
    /// How what no route answers is answered: an unknown path, a method that a path does not have.
    package static func envelope(_ error: APIError, _ context: WebContext) -> Response {
        var response = ShopEnvelopes.response(error)
        response.headers[.payPalDebugID] = context.requestID
        return response
    }
}
