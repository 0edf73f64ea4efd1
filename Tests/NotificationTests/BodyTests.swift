import Domain
import Foundation
import Postgres
import TestKit
import Testing

@testable import Store

@Suite struct `What the README says of messages` {
    let readme: String = {
        let own = URL(filePath: #filePath).deletingLastPathComponent()
        let path = own.appending(path: "../../Services/Notifications/README.md").path
        return String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }()

    @Test func `every event is in its table`() {
        for kind in Message.Kind.allCases {
            let half = kind.rawValue.split(separator: ".")[1]
            #expect(readme.contains("`\(kind.rawValue)`") || readme.contains("`.\(half)`"))
        }
    }

    @Test func `the example has every field as it is sent, and no other`() async throws {
        let start = try #require(readme.range(of: "```json\n"))
        let end = try #require(readme.range(of: "\n```", range: start.upperBound..<readme.endIndex))
        let example = try JSONSerialization.jsonObject(with: Data(readme[start.upperBound..<end.lowerBound].utf8))

        let site = try await TestSite()
        let now = Date()
        var facts = MessageFacts()
        facts.member = .init(id: .new(at: now), email: "a@b.example", firstName: "A", lastName: "B")
        facts.plan = .init(id: .new(at: now), slug: "p", name: "P")
        facts.entitlement = .init(
            id: .new(at: now),
            status: .active,
            access: true,
            accessUntil: now,
            paidThrough: now
        )
        facts.order = .init(
            id: .new(at: now),
            provider: .thriveCart,
            mode: .live,
            number: "1",
            items: [ItemKey("product-7")!],
            currency: "USD",
            totalGross: 1
        )
        facts.payment = .init(item: ItemKey("product-7")!, amountGross: 1, invoice: "1", paidThrough: now)
        facts.lead = .init(
            id: .new(at: now),
            email: "a@b.example",
            firstName: "A",
            lastName: "B",
            item: ItemKey("product-7")!,
            abandonedAt: now
        )
        try await site.store.transaction { [facts] in try $0.stage(.orderPaid, facts, of: site.id, at: now) }
        let body = try #require(try await site.bodies().values.first)
        let sent = try JSONSerialization.jsonObject(with: Data(body))
        #expect(shape(sent) == shape(example))
    }

    @Test func `there is an example of every event, of parts that are described`() throws {
        let start = try #require(readme.range(of: "```jsonl\n"))
        let end = try #require(readme.range(of: "\n```", range: start.upperBound..<readme.endIndex))
        let lines = readme[start.upperBound..<end.lowerBound].split(separator: "\n")
        var shown: [String] = []
        for line in lines {
            let example = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(Set(example.keys) == ["data", "event", "timestamp"])
            let event = try #require(example["event"] as? String)
            shown.append(event)
            let parts = try #require(example["data"] as? [String: Any])
            for part in parts.keys { #expect(readme.contains("`\(part)`"), "\(event) has \(part)") }
        }
        #expect(shown == Message.Kind.allCases.map(\.rawValue) + [Message.testType])
    }

    /// The paths of all members with the kind of their value.
    private func shape(_ value: Any, at path: String = "") -> [String] {
        switch value {
        case let object as [String: Any]: object.flatMap { shape($0.value, at: "\(path).\($0.key)") }.sorted()
        case let array as [Any]: array.flatMap { shape($0, at: path + "[]") }
        case is String: [path + ": text"]
        default: [path + ": number"]
        }
    }
}
