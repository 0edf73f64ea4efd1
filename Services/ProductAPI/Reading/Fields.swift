internal import PayPal

/// A body being read, with all that is wrong with it.
struct Fields {
    let body: JSON
    private(set) var problems: [(name: String, text: String)] = []

    init(_ body: JSON) {
        self.body = body
    }

    mutating func complain(_ name: String, _ text: String) {
        problems.append((name, text))
    }

    /// Throws what has been complained about.
    func check() throws(ShopError) {
        guard problems.isEmpty else { throw ShopError(fields: problems) }
    }

    /// Text with something in it, counted as PayPal counts.
    mutating func text(_ name: String, upTo limit: Int = 2048) -> String? {
        switch body[name] {
        case .string(let text) where !text.isEmpty:
            guard text.utf16.count <= limit, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                complain(name, "The \(name) field must be at most \(limit) characters without line ends.")
                return nil
            }
            return text
        case .null, .string:
            complain(name, "The \(name) field is required.")
        default:
            complain(name, "The \(name) field must be a string.")
        }
        return nil
    }

    /// The same, where nothing is as good: null, missing or empty.
    mutating func optionalText(_ name: String, upTo limit: Int = 2048) -> String? {
        switch body[name] {
        case .null, .string(""): nil
        default: text(name, upTo: limit)
        }
    }
}
