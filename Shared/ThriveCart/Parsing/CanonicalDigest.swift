import Crypto

/// A digest of what a body says, whatever its encoding and the order of its fields; the secret is left out.
///
/// Keys are taken in byte order. Maps without text in them count for nothing, since a form can't hold them, and null
/// counts as the four letters that a form has in its place. Source: rule B1.
struct CanonicalDigest {
    private let tree: PayloadTree
    /// For each node whether it says anything.
    private var isTold: [Bool]
    private var hash = SHA256()

    /// The digest in 64 lower-case hex digits.
    static func hex(of root: PayloadNode) -> String {
        var digest = Self(root.tree)
        digest.add(root)
        return digest.hash.finalize().map(\.hexPair).joined()
    }

    private init(_ tree: PayloadTree) {
        self.tree = tree
        isTold = tree.nodes.map { $0.kind != .map }
        // Because children come after their parents, one pass from the end sees every child before its parent.
        for index in tree.nodes.indices.reversed() where tree.nodes[index].kind == .map {
            isTold[index] = !counted(PayloadNode(tree: tree, index: index)).isEmpty
        }
    }

    private func counted(_ map: PayloadNode) -> [(key: [UInt8], value: PayloadNode)] {
        map.members.filter { $0.key != ThriveCartPayload.secretName && isTold[$0.value.index] }
    }

    private mutating func add(_ node: PayloadNode) {
        guard node.isMap else {
            add(node.bytes ?? Array("null".utf8), as: "=")
            return
        }
        for (key, value) in counted(node).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            add(key, as: ".")
            add(value)
        }
        add([], as: "/")
    }

    /// Every part has its length before it, so that no two bodies make the same bytes.
    private mutating func add(_ bytes: [UInt8], as kind: Unicode.Scalar) {
        hash.update(data: Array("\(bytes.count)\(kind)".utf8))
        hash.update(data: bytes)
    }
}
