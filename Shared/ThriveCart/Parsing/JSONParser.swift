/// Reads JSON strictly: no duplicate members, no lone surrogates, nothing after the end, numbers kept as their text.
///
/// Numbers stay text because `customer_id` has 18 digits, which no double holds. Source: RFC 8259, rule A5.
struct JSONParser {
    private var position: Int
    private var fields = 0
    /// Where the members with the secret are, each with one comma.
    private var secrets: [Range<Int>] = []
    private var key: [UInt8] = []

    private init(at position: Int) {
        self.position = position
    }

    /// Fills the tree; answers where the members with the secret are, each with one comma.
    static func parse(
        _ text: Span<UInt8>,
        from start: Int,
        into tree: inout PayloadTree
    ) throws(ThriveCartError) -> [Range<Int>] {
        do {
            _ = try UTF8Span(validating: text)
        } catch {
            throw .notUTF8
        }
        var parser = Self(at: start)
        tree.reserve(bytes: text.count, nodes: min(text.count / 16, ThriveCartBody.maximumFields) + 16)
        parser.skipBlanks(text)
        try parser.readValue(text, into: &tree, node: 0, depth: 1)
        parser.skipBlanks(text)
        guard parser.position == text.count else { throw .malformedJSON }
        return parser.secrets
    }

    // MARK: Values

    private mutating func readValue(
        _ text: Span<UInt8>,
        into tree: inout PayloadTree,
        node: Int,
        depth: Int
    ) throws(ThriveCartError) {
        fields += 1
        guard fields <= 2 * ThriveCartBody.maximumFields else { throw .tooManyFields }
        let start = tree.bytes.count
        switch peek(text) {
        case UInt8(ascii: "{"): try readObject(text, into: &tree, node: node, depth: depth)
        case UInt8(ascii: "["): try readArray(text, into: &tree, node: node, depth: depth)
        case UInt8(ascii: "\""):
            try readString(text) { tree.append($0) }
            tree.setText(node, from: start)
        case UInt8(ascii: "n"):
            try readWord("null", in: text)
            tree.setNull(node)
        case UInt8(ascii: "t"):
            try readWord("true", in: text) { tree.append($0) }
            tree.setText(node, from: start)
        case UInt8(ascii: "f"):
            try readWord("false", in: text) { tree.append($0) }
            tree.setText(node, from: start)
        default:
            try readNumber(text) { tree.append($0) }
            tree.setText(node, from: start)
        }
    }

    private mutating func readObject(
        _ text: Span<UInt8>,
        into tree: inout PayloadTree,
        node: Int,
        depth: Int
    ) throws(ThriveCartError) {
        guard depth <= ThriveCartBody.maximumDepth else { throw .tooDeep }
        tree.makeMap(node)
        position += 1
        skipBlanks(text)
        if take(UInt8(ascii: "}"), in: text) { return }
        var comma: Int?
        while true {
            let start = position
            guard peek(text) == UInt8(ascii: "\"") else { throw .malformedJSON }
            var name: [UInt8] = []
            swap(&name, &key)
            name.removeAll(keepingCapacity: true)
            try readString(text) { name.append($0) }
            let isSecret = name.elementsEqual(ThriveCartPayload.secretName)
            guard tree.find(name.span, hash: PayloadTree.hash(name.span), in: node) == nil else {
                throw .duplicateMember
            }
            let child = tree.child(of: node, key: name.span)
            swap(&name, &key)

            skipBlanks(text)
            guard take(UInt8(ascii: ":"), in: text) else { throw .malformedJSON }
            skipBlanks(text)
            try readValue(text, into: &tree, node: child, depth: depth + 1)
            let end = position
            skipBlanks(text)

            let isLast = take(UInt8(ascii: "}"), in: text)
            guard isLast || take(UInt8(ascii: ","), in: text) else { throw .malformedJSON }
            if isSecret { secrets.append(isLast ? (comma ?? start)..<end : start..<position) }
            if isLast { return }
            comma = position - 1
            skipBlanks(text)
        }
    }

    private mutating func readArray(
        _ text: Span<UInt8>,
        into tree: inout PayloadTree,
        node: Int,
        depth: Int
    ) throws(ThriveCartError) {
        guard depth <= ThriveCartBody.maximumDepth else { throw .tooDeep }
        tree.makeMap(node)
        position += 1
        skipBlanks(text)
        if take(UInt8(ascii: "]"), in: text) { return }
        while true {
            guard let child = tree.appendChild(to: node) else { throw .tooManyFields }
            try readValue(text, into: &tree, node: child, depth: depth + 1)
            skipBlanks(text)
            if take(UInt8(ascii: "]"), in: text) { return }
            guard take(UInt8(ascii: ","), in: text) else { throw .malformedJSON }
            skipBlanks(text)
        }
    }

    // MARK: Scalars

    private mutating func readNumber(_ text: Span<UInt8>, _ append: (UInt8) -> Void) throws(ThriveCartError) {
        let start = position
        _ = take(UInt8(ascii: "-"), in: text)
        if !take(UInt8(ascii: "0"), in: text) { try readDigits(text) }
        if take(UInt8(ascii: "."), in: text) { try readDigits(text) }
        if take(UInt8(ascii: "e"), in: text) || take(UInt8(ascii: "E"), in: text) {
            if !take(UInt8(ascii: "-"), in: text) { _ = take(UInt8(ascii: "+"), in: text) }
            try readDigits(text)
        }
        for index in start..<position { append(text[index]) }
    }

    private mutating func readDigits(_ text: Span<UInt8>) throws(ThriveCartError) {
        guard let first = peek(text), first.isDigit else { throw .malformedJSON }
        while let digit = peek(text), digit.isDigit { position += 1 }
    }

    private mutating func readWord(
        _ word: StaticString,
        in text: Span<UInt8>,
        _ append: (UInt8) -> Void = { _ in }
    ) throws(ThriveCartError) {
        for index in 0..<word.utf8CodeUnitCount {
            let byte = word.utf8Start[index]
            guard take(byte, in: text) else { throw .malformedJSON }
            append(byte)
        }
    }

    private mutating func readString(_ text: Span<UInt8>, _ append: (UInt8) -> Void) throws(ThriveCartError) {
        position += 1
        while let byte = peek(text) {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): try readEscape(text, append)
            case 0..<0x20: throw .malformedJSON
            default: append(byte)
            }
        }
        throw .malformedJSON
    }

    private mutating func readEscape(_ text: Span<UInt8>, _ append: (UInt8) -> Void) throws(ThriveCartError) {
        guard let kind = peek(text) else { throw .malformedJSON }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): append(kind)
        case UInt8(ascii: "b"): append(0x08)
        case UInt8(ascii: "f"): append(0x0C)
        case UInt8(ascii: "n"): append(0x0A)
        case UInt8(ascii: "r"): append(0x0D)
        case UInt8(ascii: "t"): append(0x09)
        case UInt8(ascii: "u"):
            for byte in UTF8.encode(try readScalar(text)) ?? UTF8.encodedReplacementCharacter { append(byte) }
        default: throw .malformedJSON
        }
    }

    /// Reads what follows `\u`: four hex digits, for a scalar beyond 16 bits a second escape.
    private mutating func readScalar(_ text: Span<UInt8>) throws(ThriveCartError) -> Unicode.Scalar {
        let high = try readUnit(text)
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard (0xD800..<0xDC00).contains(high), take(UInt8(ascii: "\\"), in: text), take(UInt8(ascii: "u"), in: text)
        else { throw .malformedJSON }
        let low = try readUnit(text)
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw .malformedJSON }
        return scalar
    }

    private mutating func readUnit(_ text: Span<UInt8>) throws(ThriveCartError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek(text)?.hexValue else { throw .malformedJSON }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    // MARK: Moving

    private func peek(_ text: Span<UInt8>) -> UInt8? { position < text.count ? text[position] : nil }

    private mutating func take(_ byte: UInt8, in text: Span<UInt8>) -> Bool {
        guard peek(text) == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks(_ text: Span<UInt8>) {
        while let byte = peek(text), byte.isBlank { position += 1 }
    }
}
