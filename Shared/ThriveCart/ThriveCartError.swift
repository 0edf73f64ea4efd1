/// Why a body could not be read. No case holds any of it.
///
/// All of them are the sender's fault and none goes away by trying again: the answer is 400, for `tooLarge` 413.
package enum ThriveCartError: Error, Sendable, Hashable {
    /// Over `ThriveCartBody.maximumSize` bytes.
    case tooLarge
    /// Over `ThriveCartBody.maximumFields` values.
    case tooManyFields
    /// Nested deeper than `ThriveCartBody.maximumDepth`.
    case tooDeep
    /// Not the JSON of RFC 8259, or cut short.
    case malformedJSON
    /// JSON that is not UTF-8. (Forms may hold any bytes.)
    case notUTF8
    /// A JSON object names the same member twice, so that two readers could see two different events.
    case duplicateMember
    /// Not the multipart/form-data of RFC 7578, or cut short.
    case malformedMultipart
    /// A multipart body with a file in it, which ThriveCart never sends.
    case fileUploaded
}
