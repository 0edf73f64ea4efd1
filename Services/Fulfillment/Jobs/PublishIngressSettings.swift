import Domain
package import Foundation
package import Jobs
package import Logging
import Redis
import Sealing
import Store

/// Puts what the ingress needs to verify webhooks into Redis: after each change, and every minute for a Redis that lost it.
///
/// Safe to run twice: it writes what is so now, and only where something else stands.
package struct PublishIngressSettings: Job {
    package init() {}

    // How it is run.

    package static let kind: JobKind = "fulfillment.publish-ingress-settings"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(attempts: 5, backoff: .exponential(from: .seconds(2)), timeout: .seconds(30))
    package var priority: JobPriority { .high }

    // What is done.

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        let published = try await deps.publishIngressSettings(at: context.now(), logger: context.logger)
        if published { context.logger.info("ingress settings published") }
        return .done
    }
}

extension FulfillmentDependencies {
    /// False where Redis has them as they are.
    package func publishIngressSettings(at now: Date, logger: Logger) async throws -> Bool {
        // Because what was read may be old by the time it is written, and take a new secret away again: whoever wrote
        // looks once more.
        var isWritten = false
        for _ in 0..<5 {
            let settings = try await ingressSettings(at: now, logger: logger)
            guard try await isNew(settings) else { break }
            _ = try await redis.call(
                ["SET", .text(IngressSettings.key), .bytes(try settings.sealed(with: sealer))],
                deadline: .seconds(5)
            )
            isWritten = true
        }
        return isWritten
    }

    /// As the database has them. A secret that can't be opened is left out and told of, so that it stops no other site.
    private func ingressSettings(at now: Date, logger: Logger) async throws -> IngressSettings {
        let (sites, secrets) = try await store.read { transaction in
            (try transaction.sites(), try transaction.currentSecrets(for: .thriveCart, at: now))
        }
        var words: [Site.ID: [String]] = [:]
        var unreadable: Set<Site.ID> = []
        for secret in secrets {
            do throws(SealingError) {
                let word = try sealer.openText(secret.sealed, for: SiteSecret.place(of: secret.id))
                words[secret.site, default: []].append(word)
            } catch {
                unreadable.insert(secret.site)
                logger.error(
                    "a site's secret can't be opened",
                    metadata: ["site": "\(secret.site)", "secret": "\(secret.id)", "error": "\(error)"]
                )
            }
        }
        return IngressSettings(
            sites: sites.filter { $0.status == .active }.map { site in
                IngressSettings.SiteEntry(
                    id: site.id,
                    slug: site.slug,
                    thriveCartAccount: site.thriveCartAccount,
                    thriveCartSecrets: words[site.id] ?? [],
                    hasUnreadableSecrets: unreadable.contains(site.id) ? true : nil
                )
            }
        )
    }

    private func isNew(_ settings: IngressSettings) async throws -> Bool {
        let answer = try await redis.call(["GET", .text(IngressSettings.key)], deadline: .seconds(5))
        guard let sealed = answer.bytes, sealer.isSealedWithCurrentKey(sealed) else { return true }
        // Because what can't be opened or read is to be written anew.
        return (try? IngressSettings(opening: sealed, with: sealer)) != settings
    }
}
