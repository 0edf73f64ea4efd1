/// Reads `application/x-www-form-urlencoded` with PHP's brackets.
///
/// `a[b][0][c]=1` nests, `a[]` appends, the last of two equal names wins, `+` is a blank, a broken percent sign stands for
/// itself, and bytes that are not UTF-8 stay as they are. Source: rule A3, PHP 8.2's parse_str.
enum FormParser {
    /// Fills the tree from its bytes; answers where the pairs with the secret are in the body, each with one `&`.
    static func parse(_ tree: inout PayloadTree) throws(ThriveCartError) -> [Range<Int>] {
        let count = tree.bytes.count
        var secrets: [Range<Int>] = []
        var name = FieldName()
        var fields = 0
        var start = 0
        while start < count {
            let pair: Pair
            do {
                var bytes = tree.bytes.mutableSpan
                pair = Pair(decoding: &bytes, from: start, to: count)
                if pair.end > start { try name.split(&bytes, pair.name) }
            }
            defer { start = pair.end + 1 }
            guard pair.end > start else { continue }
            fields += 1
            guard fields <= ThriveCartBody.maximumFields else { throw .tooManyFields }
            if name.isSecret {
                secrets.append(pair.end < count ? start..<pair.end + 1 : max(start - 1, 0)..<pair.end)
            }
            if !name.parts.isEmpty, let place = tree.place(name) { tree.setText(place, pair.value) }
        }
        return secrets
    }

    /// One pair, its name and value decoded where they stand.
    private struct Pair {
        let name: Range<Int>
        let value: Range<Int>
        /// Where the `&` after it is, or the body's end.
        let end: Int

        init(decoding bytes: inout MutableSpan<UInt8>, from start: Int, to count: Int) {
            var name: Range<Int>?
            var piece = start
            var written = start
            var read = start
            while read < count {
                var byte = bytes[read]
                if byte == UInt8(ascii: "&") { break }
                if byte == UInt8(ascii: "="), name == nil {
                    name = piece..<written
                    read += 1
                    piece = read
                    written = read
                    continue
                }
                if byte == UInt8(ascii: "+") {
                    byte = UInt8(ascii: " ")
                } else if byte == UInt8(ascii: "%"), read + 2 < count, let high = bytes[read + 1].hexValue,
                    let low = bytes[read + 2].hexValue
                {
                    byte = high << 4 | low
                    read += 2
                }
                bytes[written] = byte
                written += 1
                read += 1
            }
            self.name = name ?? piece..<written
            value = name == nil ? read..<read : piece..<written
            end = read
        }
    }
}
