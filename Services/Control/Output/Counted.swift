extension Int {
    /// The number with its noun: `1 worker`, `2 workers`; `many` is for nouns that take more than an `s`.
    func counted(_ one: String, many: String? = nil) -> String {
        "\(self) \(self == 1 ? one : many ?? one + "s")"
    }
}
