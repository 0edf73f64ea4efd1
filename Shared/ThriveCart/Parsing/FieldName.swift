/// The name of a form field, taken apart as PHP does: `customer[address][country]` is a path of three keys.
///
/// Source: the behaviour of PHP 8's parse_str, which is the inverse of what ThriveCart's http_build_query writes.
/// One value is used again for every field, so that names cost no allocation.
struct FieldName {
    struct Part {
        var start: Int
        var end: Int
        /// `[]`, which stands for the next free number.
        var isNext: Bool
    }

    var bytes: [UInt8] = []
    private(set) var parts: [Part] = []

    /// Takes `bytes` apart. No parts means that PHP would ignore the field.
    mutating func split() throws(ThriveCartError) {
        parts.removeAll(keepingCapacity: true)
        // PHP's names are C strings and end at the first NUL.
        let end = bytes.firstIndex(of: 0) ?? bytes.count
        guard let start = bytes[..<end].firstIndex(where: { $0 != UInt8(ascii: " ") }) else { return }

        var open = start
        while open < end, bytes[open] != UInt8(ascii: "[") {
            mangle(open)
            open += 1
        }
        guard open > start else { return }
        parts.append(Part(start: start, end: open, isNext: false))

        while open < end, bytes[open] == UInt8(ascii: "[") {
            guard parts.count <= ThriveCartBody.maximumDepth else { throw .tooDeep }
            let key = open + 1
            // One blank before the closing bracket still means "next".
            let afterBlank = key < end && bytes[key].isSpaceInC ? key + 1 : key
            if afterBlank < end, bytes[afterBlank] == UInt8(ascii: "]") {
                parts.append(Part(start: key, end: key, isNext: true))
                open = afterBlank + 1
            } else if let close = bytes[afterBlank..<end].firstIndex(of: UInt8(ascii: "]")) {
                parts.append(Part(start: key, end: close, isNext: false))
                open = close + 1
            } else {
                if parts.count == 1 { takeUnclosed(from: open, to: end) }
                return
            }
        }
    }

    /// `a[b` is the plain name `a_b`.
    private mutating func takeUnclosed(from open: Int, to end: Int) {
        for index in open..<end {
            bytes[index] = bytes[index] == UInt8(ascii: "[") ? UInt8(ascii: "_") : bytes[index]
            mangle(index)
        }
        parts[0].end = end
    }

    private mutating func mangle(_ index: Int) {
        if bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: ".") { bytes[index] = UInt8(ascii: "_") }
    }

    /// Whether the path leads to or into the secret.
    var isSecret: Bool {
        parts.contains { !$0.isNext && bytes[$0.start..<$0.end].elementsEqual(ThriveCartPayload.secretName) }
    }
}

extension UInt8 {
    /// C's isspace.
    fileprivate var isSpaceInC: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension PayloadTree {
    /// The place that a name leads to, made on the way; nil where PHP would drop the field.
    mutating func place(_ name: borrowing FieldName) -> Int? {
        var node = 0
        for (depth, part) in name.parts.enumerated() {
            if depth > 0 { makeMap(node) }
            if part.isNext {
                guard let next = appendChild(to: node) else { return nil }
                node = next
            } else {
                node = child(of: node, key: name.bytes.span.extracting(part.start..<part.end))
            }
        }
        return node
    }
}
