internal import Domain
internal import FulfillmentJobs
internal import Sealing
internal import ThriveCart

/// The sites of the published settings, ready to be asked whose webhook it is.
struct SiteDirectory: Sendable {
    private var entries: [Entry]
    /// Whether there are secrets that could not be opened, of whichever site: then nobody is turned away for good, and
    /// the answer tells nobody whose they are.
    private let hasUnreadableSecrets: Bool

    private struct Entry: Sendable {
        var site: VerifiedSite
        var verifier: ThriveCartVerifier
    }

    init(_ settings: IngressSettings) {
        hasUnreadableSecrets = settings.sites.contains { $0.hasUnreadableSecrets == true }
        entries = settings.sites.map { site in
            Entry(
                site: VerifiedSite(id: site.id, slug: site.slug, account: site.thriveCartAccount),
                verifier: ThriveCartVerifier(secrets: site.thriveCartSecrets, account: site.thriveCartAccount)
            )
        }
    }

    var count: Int { entries.count }

    /// Finds the site whose account and secret a body carries.
    ///
    /// Every site's secrets are looked at, whether one is named or not and whether it exists or not, so that the time
    /// tells nobody which sites there are.
    func site(of payload: ThriveCartPayload, at address: ThriveCartAddress) -> Result<VerifiedSite, Refusal> {
        let presented = ConstantTime.Prepared(payload.secret ?? [])
        var accepted: [VerifiedSite] = []
        var named: ThriveCartVerifier.Verdict?
        var isAccountWrong = false
        for entry in entries {
            let verdict = entry.verifier.verdict(on: payload, presenting: presented)
            if address.means(entry.site.slug) {
                if verdict == .accepted { accepted.append(entry.site) }
                if verdict == .accountWrong { isAccountWrong = true }
                named = verdict
            }
        }
        if accepted.count == 1, let site = accepted.first { return .success(site) }
        if accepted.count > 1 { return .failure(.ambiguous) }
        if payload.secret == nil { return .failure(.secretMissing) }
        if hasUnreadableSecrets { return .failure(.secretUnreadable) }
        if isAccountWrong { return .failure(.accountWrong) }
        return .failure(named == nil ? .siteUnknown : .secretWrong)
    }

    /// Why nobody is told that it was their webhook. For the log and the metrics; who posted gets one answer for all.
    enum Refusal: String, Error, CaseIterable {
        case secretMissing = "secret_missing"
        case secretWrong = "secret_wrong"
        case accountWrong = "account_wrong"
        case siteUnknown = "site_unknown"
        /// None of those that could be read; it may be one that could not.
        case secretUnreadable = "secret_unreadable"
        /// Several sites have this secret, and the body does not say which account it is from.
        case ambiguous
    }
}

/// A site that a webhook proved to be for.
struct VerifiedSite: Sendable, Hashable {
    var id: Site.ID
    var slug: Slug
    var account: String?
}

/// Where a webhook was posted to.
enum ThriveCartAddress: Sendable, Hashable {
    /// `/webhooks/thrivecart/{site}`; nil when that is no slug, and then no site is meant.
    case site(Slug?)
    /// `/api/webhooks/thrivecart`: any site, found by account and secret.
    case shared

    func means(_ slug: Slug) -> Bool {
        switch self {
        case .site(let named): named == slug
        case .shared: true
        }
    }
}
