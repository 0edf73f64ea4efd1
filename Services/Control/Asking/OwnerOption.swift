import ArgumentParser
import Domain
import Postgres
import Store

/// Whose messages are meant: a site's, or a PayPal merchant's.
struct OwnerOption: ParsableArguments {
    @OptionGroup var site: SiteOption

    @Option(
        name: .long,
        help: ArgumentHelp("A PayPal merchant instead of a site: PayPal's id of the account, or ours.", valueName: "id")
    )
    var merchant: String?

    func validate() throws {
        guard merchant == nil || site.site == nil else { throw ValidationError("--site or --merchant, not both.") }
    }
}

extension Transaction {
    func owner(_ option: OwnerOption) throws -> Message.Owner {
        guard let wanted = option.merchant else { return .site(try site(option.site).id) }
        if let id = Merchant.ID(wanted), let merchant = try merchant(id) { return .merchant(merchant.id) }
        let found = try Merchant.Environment.allCases.flatMap { try merchants(ofAccount: wanted, in: $0) }
        switch found.count {
        case 1: return .merchant(found[0].id)
        case 0: throw CommandProblem.failure("there is no merchant \(wanted)", fix: "PayPal's id of its account")
        default:
            let ids = found.map { "\($0.id) (\($0.siteURL))" }.joined(separator: ", ")
            throw CommandProblem.usage("the account \(wanted) has \(found.count) connections", fix: "one of: \(ids)")
        }
    }
}
