/// Why keys could not be read, or something could not be sealed or opened.
///
/// No case carries a key or anything that was sealed, so any of them may be logged.
package enum SealingError: Error, Hashable, Sendable {
    /// There is no key at all in the list.
    case noKeys
    /// An entry of the list, counted from 1, is not `id:base64`. Its text is not repeated: it may be a key.
    case malformedEntry(position: Int)
    /// An entry's id is not 1 to 16 of `a-z 0-9 -`. Its text is not repeated: it may be a key.
    case badKeyID(position: Int)
    case notBase64(keyID: String)
    case wrongKeyLength(keyID: String, bytes: Int)
    /// The key is one byte repeated: nobody's random number looks like that.
    case notRandom(keyID: String)
    case repeatedKeyID(String)
    /// One key under two ids: a rotation that rotates nothing.
    case repeatedKey(String, String)

    /// These bytes were not made by a `Sealer`, or were cut short.
    case notSealed
    /// They were sealed with a key that the list no longer has.
    case unknownKey(id: String)
    /// The bytes were changed, or were sealed for another place.
    case forged
    /// What was opened is not UTF-8.
    case notText
    /// The cipher itself refused.
    case cipher
}

extension SealingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noKeys: "there is no key; expected k1:<32 bytes in base64>"
        case .malformedEntry(let position): "entry \(position) is not <id>:<32 bytes in base64>"
        case .badKeyID(let position): "the id of entry \(position) is not 1 to 16 characters of a-z, 0-9 and -"
        case .notBase64(let id): "key \(id) is not base64"
        case .wrongKeyLength(let id, let bytes): "key \(id) has \(bytes) bytes instead of 32"
        case .notRandom(let id): "key \(id) is one byte repeated; make one with: openssl rand -base64 32"
        case .repeatedKeyID(let id): "two keys have the id \(id)"
        case .repeatedKey(let first, let second): "\(first) and \(second) are the same key"
        case .notSealed: "the bytes are not sealed, or were cut short"
        case .unknownKey(let id): "sealed with key \(id), which is not in the list"
        case .forged: "sealed for another place, or changed since"
        case .notText: "what was sealed is not UTF-8 text"
        case .cipher: "the cipher refused"
        }
    }
}
