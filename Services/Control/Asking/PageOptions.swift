import ArgumentParser
import Domain

/// How much of a list to show, and from where.
struct PageOptions<Subject>: ParsableArguments {
    @Option(name: .long, help: "How many to show, 1 to 1000.")
    var limit = 50

    @Option(
        name: .long,
        help: ArgumentHelp("Go on behind this one: `next` of the page before.", valueName: "id"),
        transform: Reading.id
    )
    var after: Identifier<Subject>?

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit must be between 1 and 1000.") }
    }
}

extension PageOptions {
    /// One more than is shown: it tells whether there is another page.
    var asked: Int { limit + 1 }

    /// What is shown of `found`, and behind which one the next page goes on; nil on the last.
    func cut<Found>(
        _ found: [Found],
        id: (Found) -> Identifier<Subject>
    ) -> (shown: ArraySlice<Found>, next: String?) {
        let shown = found.prefix(limit)
        return (shown, found.count > limit ? shown.last.map { id($0).description } : nil)
    }
}
