import Crypto

/// A Lua script, known to the server by the SHA-1 of its source.
package struct RedisScript: Sendable, Hashable {
    package let source: String
    /// 40 hexadecimal digits, lower case.
    package let sha1: String

    package init(_ source: String) {
        self.source = source
        // Because EVALSHA names scripts by SHA-1; nothing secret hangs on it.
        self.sha1 = Insecure.SHA1.hash(data: Array(source.utf8)).reduce(into: "") { text, byte in
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
    }
}
