import Crypto

/// A digest of what a body says, whatever its encoding and the order of its fields; the secret is left out.
///
/// Keys are taken in byte order. Maps without text in them count for nothing, since a form can't hold them, and null
/// counts as the four letters that a form has in its place. Source: rule B1.
struct CanonicalDigest {
    private let tree: PayloadTree
    /// For each node whether it says anything.
    private var isTold: [Bool]
    /// What is hashed, gathered first: one update of a hash costs more than the few bytes of a field.
    private var told: [UInt8] = []

    /// The digest in 64 lower-case hex digits.
    static func hex(of root: PayloadNode) -> String {
        var digest = Self(root.tree)
        digest.add(root.index)
        return SHA256.hash(data: digest.told).map(\.hexPair).joined()
    }

    private init(_ tree: PayloadTree) {
        self.tree = tree
        isTold = tree.nodes.map { $0.kind != .map }
        told.reserveCapacity(tree.bytes.count + 8 * tree.nodes.count)
        // Because children come after their parents, one pass from the end sees every child before its parent.
        for index in tree.nodes.indices.reversed() where tree.nodes[index].kind == .map {
            isTold[index] = !children(of: index).isEmpty
        }
    }

    private func children(of map: Int) -> [Int] {
        var children: [Int] = []
        var child = tree.nodes[map].firstChild
        while child != PayloadTree.none {
            let index = Int(child)
            if isTold[index], !isSecret(tree.nodes[index].key.range) { children.append(index) }
            child = tree.nodes[index].nextSibling
        }
        return children
    }

    private func isSecret(_ key: Range<Int>) -> Bool {
        key.count == ThriveCartPayload.secretName.count && tree.bytes[key].elementsEqual(ThriveCartPayload.secretName)
    }

    private mutating func add(_ index: Int) {
        let node = tree.nodes[index]
        guard node.kind == .map else {
            if node.kind == .text { add(tree.bytes[node.text.range], as: "=") } else { add(Self.null, as: "=") }
            return
        }
        let inOrder = children(of: index).sorted {
            tree.bytes[tree.nodes[$0].key.range].lexicographicallyPrecedes(tree.bytes[tree.nodes[$1].key.range])
        }
        for child in inOrder {
            add(tree.bytes[tree.nodes[child].key.range], as: ".")
            add(child)
        }
        add([], as: "/")
    }

    private static let null = ArraySlice("null".utf8)

    /// Every part has its length before it, so that no two bodies make the same bytes.
    private mutating func add(_ bytes: ArraySlice<UInt8>, as kind: Unicode.Scalar) {
        told += "\(bytes.count)\(kind)".utf8
        told += bytes
    }
}
