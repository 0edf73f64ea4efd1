/// Reads `application/x-www-form-urlencoded` with PHP's brackets.
///
/// `a[b][0][c]=1` nests, `a[]` appends, the last of two equal names wins, `+` is a blank, a broken percent sign stands for
/// itself, and bytes that are not UTF-8 stay as they are. Source: rule A3, PHP 8.2's parse_str.
enum FormParser {
    /// Fills the tree; answers where the pairs with the secret are, each with one `&`.
    static func parse(_ body: Span<UInt8>, into tree: inout PayloadTree) throws(ThriveCartError) -> [Range<Int>] {
        tree.reserve(bytes: body.count, nodes: min(body.count / 16, ThriveCartBody.maximumFields) + 16)
        var secrets: [Range<Int>] = []
        var name = FieldName()
        var fields = 0
        var start = 0
        while start < body.count {
            let end = index(of: UInt8(ascii: "&"), in: body, from: start, to: body.count)
            defer { start = end + 1 }
            guard end > start else { continue }
            fields += 1
            guard fields <= ThriveCartBody.maximumFields else { throw .tooManyFields }

            let equals = index(of: UInt8(ascii: "="), in: body, from: start, to: end)
            name.bytes.removeAll(keepingCapacity: true)
            decode(body, from: start, to: equals) { name.bytes.append($0) }
            try name.split()
            guard !name.parts.isEmpty else { continue }
            if name.isSecret {
                secrets.append(end < body.count ? start..<end + 1 : max(start - 1, 0)..<end)
            }

            guard let place = tree.place(name) else { continue }
            let value = tree.bytes.count
            if equals < end { decode(body, from: equals + 1, to: end) { tree.append($0) } }
            tree.setText(place, from: value)
        }
        return secrets
    }

    @inline(__always)
    private static func index(of byte: UInt8, in body: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, body[index] != byte { index += 1 }
        return index
    }

    @inline(__always)
    private static func decode(_ body: Span<UInt8>, from start: Int, to end: Int, _ append: (UInt8) -> Void) {
        var index = start
        while index < end {
            let byte = body[index]
            if byte == UInt8(ascii: "+") {
                append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), index + 2 < end, let high = body[index + 1].hexValue,
                let low = body[index + 2].hexValue
            {
                append(high << 4 | low)
                index += 2
            } else {
                append(byte)
            }
            index += 1
        }
    }
}
