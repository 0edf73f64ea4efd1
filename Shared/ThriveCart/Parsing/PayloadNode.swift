/// One place in a parsed body: text, null (only in JSON) or a map.
package struct PayloadNode: Sendable {
    let tree: PayloadTree
    let index: Int

    private var node: PayloadTree.Node { tree.nodes[index] }

    /// The place that a path of keys leads to; nil as soon as a key is missing or what should be a map is text.
    package subscript(path: String...) -> PayloadNode? {
        var node = self
        for key in path {
            guard let next = node.member(key) else { return nil }
            node = next
        }
        return node
    }

    private func member(_ key: String) -> PayloadNode? {
        guard isMap else { return nil }
        let key = Array(key.utf8)
        let found = tree.find(key.span, hash: PayloadTree.hash(key.span), in: index)
        return found.map { PayloadNode(tree: tree, index: $0) }
    }

    package var isMap: Bool { node.kind == .map }
    package var isNull: Bool { node.kind == .null }

    /// The bytes of text; nil for a map and for null.
    package var bytes: [UInt8]? {
        guard node.kind == .text else { return nil }
        return Array(tree.bytes[node.text.range])
    }

    /// The text, with bytes that are not UTF-8 replaced and NUL, which Postgres refuses, left out.
    package var text: String? {
        guard let bytes else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return bytes.contains(0) ? String(text.unicodeScalars.filter { $0.value != 0 }) : text
    }

    /// The text of a place that must be intact to mean anything; nil when its bytes are not UTF-8.
    package var intactText: String? {
        guard let bytes, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return bytes.contains(0) ? nil : text
    }

    /// What a map holds, in the sender's order.
    package var members: [(key: [UInt8], value: PayloadNode)] {
        guard isMap else { return [] }
        var members: [(key: [UInt8], value: PayloadNode)] = []
        var child = node.firstChild
        while child != PayloadTree.none {
            let each = tree.nodes[Int(child)]
            members.append((Array(tree.bytes[each.key.range]), PayloadNode(tree: tree, index: Int(child))))
            child = each.nextSibling
        }
        return members
    }

    /// A map read as a list: numbered members by ascending number, then the others as they came. Source: rule A3.
    package var list: [PayloadNode] {
        var numbered: [(number: Int64, value: PayloadNode)] = []
        var others: [PayloadNode] = []
        for (key, value) in members {
            if let number = PayloadTree.integer(key.span) {
                numbered.append((number, value))
            } else {
                others.append(value)
            }
        }
        return numbered.sorted { $0.number < $1.number }.map(\.value) + others
    }
}

extension PayloadNode: CustomStringConvertible {
    /// Says nothing, so that no log line can.
    package var description: String { "PayloadNode(…)" }
}
