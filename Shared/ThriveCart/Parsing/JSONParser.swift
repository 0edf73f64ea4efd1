/// Reads JSON strictly: no duplicate members, no lone surrogates, nothing after the end, numbers kept as their text.
///
/// Numbers stay text because `customer_id` has 18 digits, which no double holds. Source: RFC 8259, rule A5.
struct JSONParser {
    private var position: Int
    /// Where the text ends; the tree appends the numbers of list entries after it.
    private let end: Int
    private var values = 0
    private var secrets: [Range<Int>] = []

    private init(from position: Int, to end: Int) {
        self.position = position
        self.end = end
    }

    /// Fills the tree from its bytes; answers where the members with the secret are in the body, each with one comma.
    static func parse(_ tree: inout PayloadTree, from start: Int) throws(ThriveCartError) -> [Range<Int>] {
        do {
            _ = try UTF8Span(validating: tree.bytes.span)
        } catch {
            throw .notUTF8
        }
        var parser = Self(from: start, to: tree.bytes.count)
        parser.skipBlanks(tree)
        try parser.readValue(&tree, node: 0, depth: 1)
        parser.skipBlanks(tree)
        guard parser.position == parser.end else { throw .malformedJSON }
        return parser.secrets
    }

    // MARK: Values

    private mutating func readValue(_ tree: inout PayloadTree, node: Int, depth: Int) throws(ThriveCartError) {
        values += 1
        // Because maps count too: forms have none, so an order that fits a form fits here.
        guard values <= 2 * ThriveCartBody.maximumFields else { throw .tooManyFields }
        switch peek(tree) {
        case UInt8(ascii: "{"): try readObject(&tree, node: node, depth: depth)
        case UInt8(ascii: "["): try readArray(&tree, node: node, depth: depth)
        case UInt8(ascii: "\""): tree.setText(node, try readString(&tree))
        case UInt8(ascii: "t"): tree.setText(node, try readWord("true", tree))
        case UInt8(ascii: "f"): tree.setText(node, try readWord("false", tree))
        case UInt8(ascii: "n"):
            _ = try readWord("null", tree)
            tree.setNull(node)
        default: tree.setText(node, try readNumber(tree))
        }
    }

    private mutating func readObject(_ tree: inout PayloadTree, node: Int, depth: Int) throws(ThriveCartError) {
        guard depth <= ThriveCartBody.maximumDepth else { throw .tooDeep }
        tree.makeMap(node)
        position += 1
        skipBlanks(tree)
        if take(UInt8(ascii: "}"), tree) { return }
        var comma: Int?
        while true {
            let start = position
            let name = try readString(&tree)
            let isSecret = tree.bytes.mutableSpan.isSecretName(name)
            let isNew = tree.find(key: name, in: node) == nil
            guard isNew else { throw .duplicateMember }
            let child = tree.child(of: node, key: name)
            skipBlanks(tree)
            guard take(UInt8(ascii: ":"), tree) else { throw .malformedJSON }
            skipBlanks(tree)
            try readValue(&tree, node: child, depth: depth + 1)
            let valueEnd = position
            skipBlanks(tree)

            let isLast = take(UInt8(ascii: "}"), tree)
            guard isLast || take(UInt8(ascii: ","), tree) else { throw .malformedJSON }
            if isSecret { secrets.append(isLast ? (comma ?? start)..<valueEnd : start..<position) }
            if isLast { return }
            comma = position - 1
            skipBlanks(tree)
        }
    }

    private mutating func readArray(_ tree: inout PayloadTree, node: Int, depth: Int) throws(ThriveCartError) {
        guard depth <= ThriveCartBody.maximumDepth else { throw .tooDeep }
        tree.makeMap(node)
        position += 1
        skipBlanks(tree)
        if take(UInt8(ascii: "]"), tree) { return }
        while true {
            guard let child = tree.appendChild(to: node) else { throw .tooManyFields }
            try readValue(&tree, node: child, depth: depth + 1)
            skipBlanks(tree)
            if take(UInt8(ascii: "]"), tree) { return }
            guard take(UInt8(ascii: ","), tree) else { throw .malformedJSON }
            skipBlanks(tree)
        }
    }

    // MARK: Scalars: each answers where its text is

    private mutating func readNumber(_ tree: borrowing PayloadTree) throws(ThriveCartError) -> Range<Int> {
        let start = position
        _ = take(UInt8(ascii: "-"), tree)
        if !take(UInt8(ascii: "0"), tree) { try readDigits(tree) }
        if take(UInt8(ascii: "."), tree) { try readDigits(tree) }
        if take(UInt8(ascii: "e"), tree) || take(UInt8(ascii: "E"), tree) {
            if !take(UInt8(ascii: "-"), tree) { _ = take(UInt8(ascii: "+"), tree) }
            try readDigits(tree)
        }
        return start..<position
    }

    private mutating func readDigits(_ tree: borrowing PayloadTree) throws(ThriveCartError) {
        guard let first = peek(tree), first.isDigit else { throw .malformedJSON }
        while let digit = peek(tree), digit.isDigit { position += 1 }
    }

    private mutating func readWord(
        _ word: String,
        _ tree: borrowing PayloadTree
    ) throws(ThriveCartError) -> Range<Int> {
        let start = position
        for byte in word.utf8 {
            guard take(byte, tree) else { throw .malformedJSON }
        }
        return start..<position
    }

    /// Reads a string and decodes it in place: no escape is shorter than what it stands for.
    private mutating func readString(_ tree: inout PayloadTree) throws(ThriveCartError) -> Range<Int> {
        guard take(UInt8(ascii: "\""), tree) else { throw .malformedJSON }
        let start = position
        var written = start
        while let byte = peek(tree) {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return start..<written
            case UInt8(ascii: "\\"):
                for byte in UTF8.encode(try readEscape(tree)) ?? UTF8.encodedReplacementCharacter {
                    tree.bytes[written] = byte
                    written += 1
                }
            case 0..<0x20: throw .malformedJSON
            default:
                tree.bytes[written] = byte
                written += 1
            }
        }
        throw .malformedJSON
    }

    private mutating func readEscape(_ tree: borrowing PayloadTree) throws(ThriveCartError) -> Unicode.Scalar {
        guard let kind = peek(tree) else { throw .malformedJSON }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try readScalar(tree)
        default: throw .malformedJSON
        }
    }

    /// Reads what follows `\u`: four hex digits, for a scalar beyond 16 bits a second escape.
    private mutating func readScalar(_ tree: borrowing PayloadTree) throws(ThriveCartError) -> Unicode.Scalar {
        let high = try readUnit(tree)
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard (0xD800..<0xDC00).contains(high), take(UInt8(ascii: "\\"), tree), take(UInt8(ascii: "u"), tree)
        else { throw .malformedJSON }
        let low = try readUnit(tree)
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw .malformedJSON }
        return scalar
    }

    private mutating func readUnit(_ tree: borrowing PayloadTree) throws(ThriveCartError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek(tree)?.hexValue else { throw .malformedJSON }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    // MARK: Moving

    private func peek(_ tree: borrowing PayloadTree) -> UInt8? { position < end ? tree.bytes[position] : nil }

    private mutating func take(_ byte: UInt8, _ tree: borrowing PayloadTree) -> Bool {
        guard peek(tree) == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks(_ tree: borrowing PayloadTree) {
        while let byte = peek(tree), byte.isBlank { position += 1 }
    }
}
