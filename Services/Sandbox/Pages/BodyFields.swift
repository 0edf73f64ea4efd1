internal import Foundation

/// A body taken apart for the eye: one line a field, nested names as PHP writes them.
enum BodyFields {
    static func of(_ body: String) -> [(name: String, value: String)] {
        if body.first == "{" {
            // Because a body that we made as JSON is JSON; anything else is shown raw below the table.
            guard let value = try? JSONSerialization.jsonObject(with: Data(body.utf8)) else { return [] }
            return flatten(value, "")
        }
        return body.split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(halves[0]), halves.count > 1 ? decoded(halves[1]) : "")
        }
    }

    private static func flatten(_ value: Any, _ name: String) -> [(name: String, value: String)] {
        switch value {
        case let fields as [String: Any]:
            fields.sorted { $0.key < $1.key }.flatMap {
                flatten($0.value, name.isEmpty ? $0.key : "\(name)[\($0.key)]")
            }
        case let values as [Any]:
            values.enumerated().flatMap { flatten($0.element, "\(name)[\($0.offset)]") }
        case is NSNull: [(name, "null")]
        default: [(name, "\(value)")]
        }
    }

    private static func decoded(_ text: Substring) -> String {
        let blanks = String(text.replacing("+", with: " "))
        return blanks.removingPercentEncoding ?? blanks
    }
}
