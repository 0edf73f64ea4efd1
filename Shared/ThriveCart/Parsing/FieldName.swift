/// The name of a form field, taken apart as PHP does: `customer[address][country]` is a path of three keys.
///
/// Source: the behaviour of PHP 8.2's parse_str, the inverse of what ThriveCart's http_build_query writes; only its guard
/// of cookie names (`__Host-`) is left out. One value serves all fields of a body, so that names cost no allocation.
struct FieldName {
    /// Where a key is in the body; empty and `isNext` for `[]`, which stands for the next free number.
    struct Part {
        var range: Range<Int>
        var isNext = false
    }

    private(set) var parts: [Part] = []
    /// Whether the path leads to or into the secret.
    private(set) var isSecret = false

    /// Takes the decoded name at `range` apart, and mangles it in place. No parts means that PHP ignores the field.
    mutating func split(_ bytes: inout MutableSpan<UInt8>, _ range: Range<Int>) throws(ThriveCartError) {
        parts.removeAll(keepingCapacity: true)
        isSecret = false
        // PHP's names are C strings and end at the first NUL.
        let end = bytes.firstIndex(of: 0, in: range) ?? range.upperBound
        var start = range.lowerBound
        while start < end, bytes[start] == UInt8(ascii: " ") { start += 1 }
        var open = start
        while open < end, bytes[open] != UInt8(ascii: "[") {
            bytes.mangle(open)
            open += 1
        }
        guard open > start else { return }
        parts.append(Part(range: start..<open))

        while open < end, bytes[open] == UInt8(ascii: "[") {
            guard parts.count <= ThriveCartBody.maximumDepth else { throw .tooDeep }
            let key = open + 1
            // One blank before the closing bracket still means "next".
            let afterBlank = key < end && bytes[key].isSpaceInC ? key + 1 : key
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]"), in: afterBlank..<end) else {
                if parts.count == 1 { takeUnclosed(&bytes, from: open, to: end) }
                break
            }
            parts.append(close == afterBlank ? Part(range: key..<key, isNext: true) : Part(range: key..<close))
            open = close + 1
        }
        for part in parts where bytes.isSecretName(part.range) { isSecret = true }
    }

    /// `a[b` is the plain name `a_b`.
    private mutating func takeUnclosed(_ bytes: inout MutableSpan<UInt8>, from open: Int, to end: Int) {
        for index in open..<end {
            if bytes[index] == UInt8(ascii: "[") { bytes[index] = UInt8(ascii: "_") }
            bytes.mangle(index)
        }
        parts[0].range = parts[0].range.lowerBound..<end
    }
}

extension MutableSpan<UInt8> {
    fileprivate mutating func mangle(_ index: Int) {
        if self[index] == UInt8(ascii: " ") || self[index] == UInt8(ascii: ".") { self[index] = UInt8(ascii: "_") }
    }

    fileprivate func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    func isSecretName(_ range: Range<Int>) -> Bool {
        guard range.count == ThriveCartPayload.secretName.count else { return false }
        for index in 0..<range.count where self[range.lowerBound + index] != ThriveCartPayload.secretName[index] {
            return false
        }
        return true
    }
}

extension UInt8 {
    /// C's isspace.
    fileprivate var isSpaceInC: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension PayloadTree {
    /// The place that a name leads to, made on the way; nil where PHP drops the field.
    mutating func place(_ name: borrowing FieldName) -> Int? {
        var node = 0
        for depth in 0..<name.parts.count {
            let part = name.parts[depth]
            if depth > 0 { makeMap(node) }
            if part.isNext {
                guard let next = appendChild(to: node) else { return nil }
                node = next
            } else {
                node = child(of: node, key: part.range)
            }
        }
        return node
    }
}
