import Domain
import Foundation

// Answers of the read API as values. They are looked at by name and kept whole, so a field that nobody knows yet is not
// lost on the way to the stored event.

extension PostValue {
    /// Reads JSON; nil for anything else. Members are sorted by name, a number that is not whole becomes text.
    package init?(json bytes: [UInt8]) {
        // Because an answer that is no JSON is the caller's to name.
        guard let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) else {
            return nil
        }
        self.init(value, depth: 0)
    }

    private init(_ value: Any, depth: Int) {
        switch value {
        case _ where depth > 32: self = .null
        case let text as String: self = .text(text)
        case let members as [String: Any]:
            self = .map(
                members.sorted { $0.key < $1.key }.map { Member($0.key, PostValue($0.value, depth: depth + 1)) }
            )
        case let values as [Any]: self = .list(values.map { PostValue($0, depth: depth + 1) })
        // Because a truth value passes for 0 or 1, and neither is the id that it stands in for. Source: rule A4.
        case let truth as NSNumber where type(of: truth) == Self.truth: self = .text(truth.boolValue ? "true" : "false")
        case let number as NSNumber:
            self = Int(number.stringValue).map { .number($0) } ?? .text(number.stringValue)
        default: self = .null
        }
    }

    private static let truth = type(of: NSNumber(value: true))

    package subscript(_ key: String) -> PostValue? {
        guard case .map(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// What a scalar says, text or number, without blanks around it; nil where it says nothing. Source: rule A4.
    package var words: String? {
        let text: String
        switch self {
        case .text(let own): text = own.trimmingBlanks()
        case .number(let number): text = String(number)
        case .list, .map, .null: return nil
        }
        return text.isEmpty || text.lowercased() == "null" ? nil : text
    }

    package var values: [PostValue] {
        guard case .list(let values) = self else { return [] }
        return values
    }

    package var isMap: Bool {
        guard case .map = self else { return false }
        return true
    }

}
