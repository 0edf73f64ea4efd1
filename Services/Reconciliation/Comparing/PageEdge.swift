import Domain
import Foundation
import Store
import ThriveCart

/// A row of the books, and what it is to the ledger of its order.
struct SortedFinding: Sendable {
    var finding: Finding
    var acquaintance: Acquaintance
    /// Nil where there is none yet.
    var ledger: Order?

    init(_ finding: Finding, _ acquaintance: Acquaintance, _ ledger: Order?) {
        self.finding = finding
        self.acquaintance = acquaintance
        self.ledger = ledger
    }
}

/// The money at the end of a page that the ledger accounts for.
///
/// Two rows that lie seconds apart may be parted by the page's end. Alone, the newer one passes for what the ledger
/// knows of the older one; beside it, it does not.
package struct PageEdge: Sendable {
    private var findings: [Finding] = []

    package init() {}

    /// Those that must be looked at again beside a page.
    func neighbours(of page: [Finding]) -> [Finding] {
        let orders = Set(page.filter(\.isMoney).compactMap { $0.event.order?.number })
        let keys = Set(page.map(\.key))
        return findings.filter { finding in
            !keys.contains(finding.key) && finding.event.order.map { orders.contains($0.number) } ?? false
        }
    }

    /// - Parameter sorted: the page's findings and their neighbours.
    mutating func move(over page: [Finding], _ sorted: [SortedFinding]) {
        guard let end = page.compactMap(\.entry.bookedAt).min()?.addingTimeInterval(Order.sameFact) else { return }
        let seen = Set(sorted.map(\.finding.key))
        let others = findings.filter { !seen.contains($0.key) }
        let known = sorted.filter { $0.acquaintance != .unknown }.map(\.finding)
        findings = (others + known).filter { $0.isMoney && $0.entry.bookedAt.map { $0 <= end } ?? false }
    }
}

extension Finding {
    /// Whether it may be known by two names.
    fileprivate var isMoney: Bool { kind == .payment || kind == .refund }
}
