internal import Configuration
internal import Foundation

/// Reads variables and collects what is wrong with them, so that an operator hears of everything at once.
struct SettingsReader {
    private let config: ConfigReader
    private(set) var problems: [SettingsError.Problem] = []

    init(_ config: ConfigReader) {
        self.config = config
    }

    mutating func complain(_ variable: Variable, _ what: String) {
        problems.append(.init(variable: variable.rawValue, what: what, advice: variable.advice))
    }

    mutating func complain(_ name: String, _ what: String, advice: String) {
        problems.append(.init(variable: name, what: what, advice: advice))
    }

    /// The text as set, without blanks around it; an empty one counts as not set.
    mutating func given(_ variable: Variable) -> String? {
        let direct = lookUp(variable.rawValue, isSecret: variable.isSecret)
        guard variable.isSecret, let path = lookUp(variable.rawValue + "_FILE", isSecret: false) else { return direct }
        if direct != nil {
            complain(variable, "and \(variable.rawValue)_FILE are both set")
            return nil
        }
        guard let data = FileManager.default.contents(atPath: path),
            let text = String(validating: data, as: UTF8.self)
        else {
            complain(
                variable.rawValue + "_FILE",
                "names \(path), which can't be read as text",
                advice: "look at its path and its owner"
            )
            return nil
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if trimmed.isEmpty {
            complain(variable.rawValue + "_FILE", "names \(path), which is empty", advice: variable.advice)
            return nil
        }
        return trimmed
    }

    /// `read` returns nil for what it can't use, after it complained, or throws.
    mutating func value<Value>(_ variable: Variable, _ read: (String) throws -> Value?) -> Value? {
        guard let text = given(variable) ?? variable.fallback else { return nil }
        do {
            if let value = try read(text) { return value }
            complain(variable, variable.isSecret ? "can't be used" : "can't be “\(text)”")
        } catch {
            complain(variable, "can't be used, \(error)")
        }
        return nil
    }

    mutating func whole(_ variable: Variable, _ range: ClosedRange<Int>) -> Int {
        value(variable) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } } ?? range.lowerBound
    }

    mutating func choice<Choice: RawRepresentable<String>>(_ variable: Variable, else placeholder: Choice) -> Choice {
        value(variable) { Choice(rawValue: $0.lowercased()) } ?? placeholder
    }

    /// Whether a variable that is none of ours is set.
    func isSet(_ name: String) -> Bool {
        lookUp(name, isSecret: false) != nil
    }

    private func lookUp(_ name: String, isSecret: Bool) -> String? {
        // Because the configuration's keys are the parts of a variable's name: database.url is DATABASE_URL.
        let key = ConfigKey(name.lowercased().split(separator: "_").map(String.init))
        let text = config.string(forKey: key, isSecret: isSecret)?.trimmingCharacters(in: .whitespacesAndNewlines)
        return text?.isEmpty == false ? text : nil
    }
}
