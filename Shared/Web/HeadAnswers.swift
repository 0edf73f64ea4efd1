internal import Hummingbird

/// Answers HEAD with the headers alone, whatever the route made of it.
///
/// The bytes of a body would be read as the beginning of the next answer on the same connection.
/// Source: RFC 9110, section 9.3.2.
struct HeadAnswers<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = try await next(request, context)
        return request.method == .head ? response.createHeadResponse() : response
    }
}
