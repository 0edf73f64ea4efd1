/// Everything that is wrong with the settings, at once.
package struct SettingsError: Error, Hashable, Sendable {
    package let problems: [Problem]

    /// Shows no value of a secret.
    package struct Problem: Hashable, Sendable {
        package let variable: String
        package let what: String
        package let advice: String
    }
}

extension SettingsError: CustomStringConvertible {
    package var description: String {
        let count = problems.count == 1 ? "1 setting needs" : "\(problems.count) settings need"
        return
            (["\(count) attention; .env.example explains each:"]
            + problems.map { "  \($0.variable) \($0.what): \($0.advice)." })
            .joined(separator: "\n")
    }
}
