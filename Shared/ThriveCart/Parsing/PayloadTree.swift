/// A parsed body: text in ordered maps, as PHP's arrays are, whatever the encoding was.
///
/// A JSON list is a map with the keys 0, 1, 2, …. The tree lives in two flat arrays: the body, decoded in place, since
/// decoding never makes it longer, and the nodes that point into it. So a body of a thousand fields costs a handful of
/// allocations, and no index that a sender makes up is ever allocated.
package struct PayloadTree: Sendable {
    enum Kind: UInt8 { case text, null, map }

    struct Node {
        var kind: Kind
        /// FNV-1a of the key: most keys that differ are told apart without reading them.
        var keyHash: UInt32
        /// Where the key is in `bytes`.
        var key: Extent
        /// Where the text is in `bytes`; of no meaning for a map.
        var text: Extent
        var firstChild = none
        var lastChild = none
        var nextSibling = none
        /// The key that `[]` gets next: one more than the largest, `unused` before the first, nil when none is left.
        var nextIndex: Int64? = unused
    }

    /// A range of `bytes` in half the size: a body is at most 1 MiB.
    struct Extent {
        private let start: UInt32
        private let end: UInt32

        init(_ range: Range<Int>) {
            start = UInt32(truncatingIfNeeded: range.lowerBound)
            end = UInt32(truncatingIfNeeded: range.upperBound)
        }

        var range: Range<Int> { Int(start)..<Int(end) }
        var count: Int { Int(end - start) }
    }

    static let none = UInt32.max
    static let unused = Int64.min

    /// The body, which a parser decodes in place, and the numbers that `[]` stood for.
    var bytes: [UInt8]
    private(set) var nodes: [Node]

    /// A tree whose root is an empty map.
    init(_ body: [UInt8]) {
        bytes = body
        nodes = []
        nodes.reserveCapacity(min(body.count / 16, ThriveCartBody.maximumFields) + 16)
        nodes.append(Node(kind: .map, keyHash: 0, key: Extent(0..<0), text: Extent(0..<0)))
    }

    var root: PayloadNode { PayloadNode(tree: self, index: 0) }

    // MARK: Growing

    /// The child of a map whose key stands at `key` in `bytes`, made as empty text if there is none.
    mutating func child(of parent: Int, key: Range<Int>) -> Int {
        let hash = Self.hash(bytes.span.extracting(key))
        if let found = find(bytes.span.extracting(key), hash: hash, in: parent) { return found }
        let node = UInt32(truncatingIfNeeded: nodes.count)
        nodes.append(Node(kind: .text, keyHash: hash, key: Extent(key), text: Extent(0..<0)))
        let last = nodes[parent].lastChild
        if last == Self.none {
            nodes[parent].firstChild = node
        } else {
            nodes[Int(last)].nextSibling = node
        }
        nodes[parent].lastChild = node
        if let index = Self.integer(bytes.span.extracting(key)), let next = nodes[parent].nextIndex, index >= next {
            nodes[parent].nextIndex = index == .max ? nil : index + 1
        }
        return Int(node)
    }

    /// A new child under the map's next free index; nil when the indices are used up.
    mutating func appendChild(to parent: Int) -> Int? {
        guard let next = nodes[parent].nextIndex else { return nil }
        let start = bytes.count
        bytes += String(next == Self.unused ? 0 : next).utf8
        return child(of: parent, key: start..<bytes.count)
    }

    /// Makes a node text that stands at `range` in `bytes`. What it was before is gone.
    mutating func setText(_ node: Int, _ range: Range<Int>) {
        nodes[node].kind = .text
        nodes[node].text = Extent(range)
    }

    mutating func setNull(_ node: Int) { nodes[node].kind = .null }

    /// Makes a node a map: an existing map stays as it is, text becomes an empty map.
    mutating func makeMap(_ node: Int) {
        guard nodes[node].kind != .map else { return }
        nodes[node].kind = .map
        nodes[node].firstChild = Self.none
        nodes[node].lastChild = Self.none
        nodes[node].nextIndex = Self.unused
    }

    // MARK: Finding

    /// The child of a map whose key stands at `key` in `bytes`.
    func find(key: Range<Int>, in parent: Int) -> Int? {
        let key = bytes.span.extracting(key)
        return find(key, hash: Self.hash(key), in: parent)
    }

    /// The last child is looked at first: fields of one charge come one after another.
    func find(_ key: Span<UInt8>, hash: UInt32, in parent: Int) -> Int? {
        let last = nodes[parent].lastChild
        guard last != Self.none else { return nil }
        if isKey(key, hash: hash, of: Int(last)) { return Int(last) }
        var child = nodes[parent].firstChild
        while child != last {
            if isKey(key, hash: hash, of: Int(child)) { return Int(child) }
            child = nodes[Int(child)].nextSibling
        }
        return nil
    }

    private func isKey(_ key: Span<UInt8>, hash: UInt32, of node: Int) -> Bool {
        guard nodes[node].keyHash == hash, nodes[node].key.count == key.count else { return false }
        let start = nodes[node].key.range.lowerBound
        for index in 0..<key.count where bytes[start + index] != key[index] { return false }
        return true
    }

    static func hash(_ key: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        for index in 0..<key.count { hash = (hash ^ UInt32(key[index])) &* 0x0100_0193 }
        return hash
    }

    /// The number that PHP makes of a key: decimal, without plus, leading zeros or "-0", within 64 bits.
    static func integer(_ key: Span<UInt8>) -> Int64? {
        guard key.count > 0, key.count <= 20 else { return nil }
        let isNegative = key[0] == UInt8(ascii: "-")
        let first = isNegative ? 1 : 0
        guard first < key.count, key[first].isDigit else { return nil }
        if key[first] == UInt8(ascii: "0") { return key.count == 1 ? 0 : nil }
        var value: Int64 = 0
        for index in first..<key.count {
            guard key[index].isDigit else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(key[index] - UInt8(ascii: "0"))
            let (sum, overflow) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !isTooLarge, !overflow else { return nil }
            value = sum
        }
        return value
    }
}

extension PayloadTree: CustomStringConvertible {
    /// Says nothing, so that no log line can.
    package var description: String { "PayloadTree(…)" }
}
