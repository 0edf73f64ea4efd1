/// Covers the secret in a body that is shown to somebody.
enum SecretCover {
    private static let name = "thrivecart_secret"
    private static let cover = "••••"

    /// The body as text, with dots where the value of `thrivecart_secret` was.
    static func covered(_ body: [UInt8]) -> String {
        let text = String(decoding: body, as: UTF8.self)
        return text.first == "{" ? coveredJSON(text) : coveredForm(text)
    }

    private static func coveredForm(_ text: String) -> String {
        text.split(separator: "&", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(name + "=") ? "\(name)=\(cover)" : String($0) }
            .joined(separator: "&")
    }

    /// Our own JSON: the name, a colon, perhaps blanks, a string.
    private static func coveredJSON(_ text: String) -> String {
        var shown = ""
        var rest = text[...]
        while let found = rest.firstRange(of: "\"\(name)\"") {
            guard let open = rest[found.upperBound...].firstIndex(of: "\"") else { break }
            shown += rest[...open] + cover
            var end = rest.index(after: open)
            while end < rest.endIndex, rest[end] != "\"" {
                let step = rest[end] == "\\" ? 2 : 1
                end = rest.index(end, offsetBy: step, limitedBy: rest.endIndex) ?? rest.endIndex
            }
            rest = rest[end...]
        }
        return shown + rest
    }
}
