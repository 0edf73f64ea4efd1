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
