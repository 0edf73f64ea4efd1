package import ArgumentParser

/// `gatehouse`: what an operator can ask and do.
package struct Gatehouse: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "Turns payments into access: the operator's command line.",
        discussion: """
            Settings come from the environment (DATABASE_URL, REDIS_URL, APP_KEYS, …), see .env.example. Every command \
            takes --json and then answers with one JSON document. Colours follow NO_COLOR and the terminal.

            EXIT STATUS
            \(ExitStatus.allCases.map { "  \(PlainText.padded("\($0.rawValue)", to: 4))\($0.meaning)" }.joined(separator: "\n"))

            EXAMPLE
              gatehouse migrate
              gatehouse site create demo --name Demo --thrivecart-account demoshop
              gatehouse plan create basic --name "Basic" --item product-7
              gatehouse simulate purchase --email ana@example.com --item product-7
              gatehouse access ana@example.com basic
            """,
        groupedSubcommands: [
            CommandGroup(name: "Set up:", subcommands: [Migrate.self, Sites.self, Plans.self, Keys.self]),
            CommandGroup(name: "Try:", subcommands: [Simulate.self]),
            CommandGroup(name: "Look:", subcommands: [Access.self, Members.self, Events.self, Leads.self]),
            CommandGroup(name: "Compare:", subcommands: [Reconcile.self, Discrepancies.self, Backfill.self]),
            CommandGroup(name: "Sell:", subcommands: [Merchants.self, PayPalCommands.self]),
            CommandGroup(name: "Tell:", subcommands: [Endpoints.self, Deliveries.self, Mails.self]),
            CommandGroup(name: "Charge:", subcommands: [RenewalsCommand.self, Invariants.self]),
            CommandGroup(
                name: "Run:",
                subcommands: [
                    Doctor.self, Top.self, Queues.self, QueueControl.self, JobsControl.self, DeadLetters.self,
                    Schedules.self, Policies.self,
                ]
            ),
        ]
    )

    package init() {}
}
