/// What is to be told: the event's name and its body for each way of asking for it.
package struct Letter: Sendable {
    /// The order's number; nil for an abandoned cart.
    package var order: String?
    package var surface: Destination.Surface
    package var event: String
    /// The bytes, with the `webhook_id` that is given.
    package var body: @Sendable (_ encoding: Destination.Encoding, _ webhookID: String) -> [UInt8]
}
