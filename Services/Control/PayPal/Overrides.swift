import ArgumentParser
import Foundation
import PayPal

/// One `--set a.b=c` or `--set-json a.b={…}`: a place in a document and what is put there.
struct Override: Sendable, Hashable {
    var path: [String]
    var value: JSON

    /// `c` becomes a whole number, true, false or null where it looks like one, and text otherwise: amounts stay text.
    static func plain(_ text: String) throws -> Override {
        let (path, value) = try halves(text)
        return Override(path: path, value: plainValue(value))
    }

    static func json(_ text: String) throws -> Override {
        let (path, value) = try halves(text)
        guard let json = JSON(parsing: value) else { throw ValidationError("What follows the = is no JSON.") }
        return Override(path: path, value: json)
    }

    private static func plainValue(_ text: String) -> JSON {
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default: break
        }
        guard let number = Int64(text), String(number) == text else { return .string(text) }
        return .number(text)
    }

    private static func halves(_ text: String) throws -> ([String], String) {
        guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
            throw ValidationError("Expected a.b=value.")
        }
        let path = text[..<sign].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else { throw ValidationError("Expected a.b=value, with a name between all points.") }
        return (path, String(text[text.index(after: sign)...]))
    }

    /// The document with the value in its place; objects that lack are made, numbers count entries of arrays.
    func applied(to json: JSON) -> JSON {
        Self.put(value, at: path[...], in: json)
    }

    private static func put(_ value: JSON, at path: ArraySlice<String>, in json: JSON) -> JSON {
        guard let name = path.first else { return value }
        if case .array(var entries) = json, let index = Int(name), entries.indices.contains(index) {
            entries[index] = put(value, at: path.dropFirst(), in: entries[index])
            return .array(entries)
        }
        return json.setting(name, put(value, at: path.dropFirst(), in: json[name]))
    }
}
