import ArgumentParser
import Domain
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
    func site(_ option: SiteOption) throws -> Site { try site(option.site) }

    /// The site that is meant, nil being the only one; where that is not clear, what to do.
    func site(_ wanted: Slug?) throws -> Site {
        if let wanted, let site = try site(slug: wanted) { return site }
        let sites = try self.sites()
        let names = sites.map(\.slug.text).joined(separator: ", ")
        switch (wanted, sites.count) {
        case (_, 0):
            throw CommandProblem.failure(
                "there is no site yet",
                fix: "gatehouse site create demo --name Demo --thrivecart-account ACCOUNT --thrivecart-secret-file FILE"
            )
        case (let wanted?, _): throw CommandProblem.failure("there is no site \(wanted)", fix: "one of: \(names)")
        case (nil, 1): return sites[0]
        case (nil, _): throw CommandProblem.usage("there are \(sites.count) sites", fix: "--site with one of: \(names)")
        }
    }

    /// The plan with this name.
    func plan(_ slug: Slug, of site: Site) throws -> Plan {
        if let plan = try plan(slug: slug, of: site.id) { return plan }
        let names = try plans(of: site.id).map(\.slug.text)
        throw CommandProblem.failure(
            "the site \(site.slug) has no plan \(slug)",
            fix: names.isEmpty
                ? "gatehouse plan create \(slug) --site \(site.slug) --name NAME --item product-1"
                : "one of: \(names.joined(separator: ", "))"
        )
    }
}
