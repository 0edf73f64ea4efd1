/// A parsed body: text in ordered maps, as PHP's arrays are, whatever the encoding was.
///
/// A JSON list is a map with the keys 0, 1, 2, …. The tree lives in two flat arrays, so that a body of a thousand fields
/// costs a handful of allocations and no index that a sender makes up is ever allocated.
package struct PayloadTree: Sendable {
    enum Kind: UInt8 { case text, null, map }

    struct Node {
        var kind: Kind
        /// FNV-1a of the key: most keys that differ are told apart without reading them.
        var keyHash: UInt32
        /// Where the key's bytes are.
        var keyStart: UInt32
        var keyCount: UInt32
        /// For text where its bytes are, for a map its first child or `none`.
        var start: UInt32
        /// For text how many bytes, for a map its last child or `none`.
        var end: UInt32
        var nextSibling: UInt32
        /// The key that `[]` gets next; nil when there is none left. Source: PHP's nNextFreeElement.
        var nextIndex: Int64?
    }

    static let none = UInt32.max

    private(set) var bytes: [UInt8] = []
    private(set) var nodes: [Node]

    init() {
        nodes = [Node.map(keyHash: 0, keyStart: 0, keyCount: 0)]
    }

    var root: PayloadNode { PayloadNode(tree: self, index: 0) }

    mutating func reserve(bytes byteCount: Int, nodes nodeCount: Int) {
        bytes.reserveCapacity(byteCount)
        nodes.reserveCapacity(nodeCount)
    }

    // MARK: Growing

    /// Appends bytes that a later `setText` or key will point at.
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// The child of a map with this key, made as empty text if there is none.
    mutating func child(of parent: Int, key: Span<UInt8>) -> Int {
        let hash = Self.hash(key)
        if let found = find(key, hash: hash, in: parent) { return found }
        let start = UInt32(truncatingIfNeeded: bytes.count)
        for index in key.indices { bytes.append(key[index]) }
        let node = append(
            Node.text(keyHash: hash, keyStart: start, keyCount: UInt32(truncatingIfNeeded: key.count)),
            to: parent
        )
        if let number = Self.integer(key) { use(index: number, in: parent) }
        return node
    }

    /// A new child under the map's next free index; nil when the indices are used up.
    mutating func appendChild(to parent: Int) -> Int? {
        guard let index = nodes[parent].nextIndex else { return nil }
        let key = Array(String(index).utf8)
        return child(of: parent, key: key.span)
    }

    /// Makes a node text that stands at the end of `bytes`, beginning at `start`. What it was before is gone.
    mutating func setText(_ node: Int, from start: Int) {
        nodes[node].kind = .text
        nodes[node].start = UInt32(truncatingIfNeeded: start)
        nodes[node].end = UInt32(truncatingIfNeeded: bytes.count - start)
    }

    mutating func setNull(_ node: Int) { nodes[node].kind = .null }

    /// Makes a node a map: an existing map stays as it is, text becomes an empty map.
    mutating func makeMap(_ node: Int) {
        guard nodes[node].kind != .map else { return }
        nodes[node].kind = .map
        nodes[node].start = Self.none
        nodes[node].end = Self.none
        nodes[node].nextIndex = 0
    }

    private mutating func append(_ node: Node, to parent: Int) -> Int {
        let index = nodes.count
        let link = UInt32(truncatingIfNeeded: index)
        nodes.append(node)
        let last = nodes[parent].end
        if last == Self.none {
            nodes[parent].start = link
        } else {
            nodes[Int(last)].nextSibling = link
        }
        nodes[parent].end = link
        return index
    }

    private mutating func use(index: Int64, in parent: Int) {
        guard let next = nodes[parent].nextIndex, index >= next else { return }
        nodes[parent].nextIndex = index == .max ? nil : index + 1
    }

    // MARK: Finding

    /// The last child is looked at first: fields of one charge come one after another.
    func find(_ key: Span<UInt8>, hash: UInt32, in parent: Int) -> Int? {
        let last = nodes[parent].end
        guard last != Self.none else { return nil }
        if isKey(key, hash: hash, of: Int(last)) { return Int(last) }
        var child = nodes[parent].start
        while child != last {
            if isKey(key, hash: hash, of: Int(child)) { return Int(child) }
            child = nodes[Int(child)].nextSibling
        }
        return nil
    }

    private func isKey(_ key: Span<UInt8>, hash: UInt32, of node: Int) -> Bool {
        guard nodes[node].keyHash == hash, Int(nodes[node].keyCount) == key.count else { return false }
        let start = Int(nodes[node].keyStart)
        for index in key.indices where bytes[start + index] != key[index] { return false }
        return true
    }

    static func hash(_ key: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        for index in key.indices { hash = (hash ^ UInt32(key[index])) &* 0x0100_0193 }
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
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(key[index] - UInt8(ascii: "0"))
            let (sum, overflow) =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !tooLarge, !overflow else { return nil }
            value = sum
        }
        return value
    }
}

extension PayloadTree.Node {
    static func text(keyHash: UInt32, keyStart: UInt32, keyCount: UInt32) -> Self {
        Self(
            kind: .text,
            keyHash: keyHash,
            keyStart: keyStart,
            keyCount: keyCount,
            start: 0,
            end: 0,
            nextSibling: PayloadTree.none,
            nextIndex: nil
        )
    }

    static func map(keyHash: UInt32, keyStart: UInt32, keyCount: UInt32) -> Self {
        Self(
            kind: .map,
            keyHash: keyHash,
            keyStart: keyStart,
            keyCount: keyCount,
            start: PayloadTree.none,
            end: PayloadTree.none,
            nextSibling: PayloadTree.none,
            nextIndex: 0
        )
    }
}
