import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// Which site is meant.
struct SiteOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The site's short name (default: the only site).", valueName: "slug"),
        transform: Reading.slug
    )
    var site: Slug?
}

extension Transaction {
    /// The site that is meant, or what to do where that is not clear.
    func site(_ option: SiteOption, at now: Date) throws -> FoundSite {
        let found = try foundSites(slug: option.site, at: now)
        if let only = found.first, found.count == 1 { return only }
        if let wanted = option.site {
            let others = try foundSites(at: now).map(\.slug)
            throw CommandProblem.failure(
                "there is no site \(wanted)",
                fix: others.isEmpty ? CommandProblem.firstSite : "--site with one of: \(others.joined(separator: ", "))"
            )
        }
        guard !found.isEmpty else {
            throw CommandProblem.failure("there is no site yet", fix: CommandProblem.firstSite)
        }
        throw CommandProblem.usage(
            "there are \(found.count) sites",
            fix: "--site with one of: \(found.map(\.slug).joined(separator: ", "))"
        )
    }

    /// The plan with this name.
    func plan(_ slug: Slug, of site: FoundSite) throws -> FoundPlan {
        if let plan = try foundPlans(of: site.id, slug: slug).first { return plan }
        let others = try foundPlans(of: site.id).map(\.slug)
        throw CommandProblem.failure(
            "the site \(site.slug) has no plan \(slug)",
            fix: others.isEmpty
                ? "gatehouse plan create \(slug) --site \(site.slug) --name \"…\" --item product-1"
                : "one of its plans: \(others.joined(separator: ", "))"
        )
    }
}

extension CommandProblem {
    fileprivate static let firstSite =
        "gatehouse site create demo --name \"Demo\" --thrivecart-account ACCOUNT --thrivecart-secret-file FILE"
}
