import Foundation
import Testing

@testable import Domain

@Suite struct `The person` {
    let story = Story()
    let ana = EmailAddress("ana@example.com")
    let new = EmailAddress("new@example.com")

    private func identity(_ orders: (String, Order)...) -> Identity {
        Identity(of: orders.flatMap { number, order in order.buyers.values.map { (order: number, reading: $0) } })
    }

    @Test func `G1: the sale names the member, not the event that came first`() {
        let renewal = story.payment(1, at: 30, due: 60, buyer: Buyer(email: new, customerID: "42"))
        let provisional = identity(("1", Story.order(renewal)))
        #expect(provisional.email == new)
        #expect(provisional.isProvisional)

        let whole = identity(("1", Story.order(renewal, story.subscription())))
        #expect(whole.email == ana)
        #expect(whole.billingEmail == new)
        #expect(!whole.isProvisional)
        #expect(whole == identity(("1", Story.order(story.subscription(), renewal))))
    }

    @Test func `G1: of two orders of one customer the first sale names the member`() {
        let first = Story.order(story.sale(at: 0))
        let second = Story.order(story.sale(at: 5, buyer: Buyer(email: new, customerID: "42")))
        #expect(identity(("1", first), ("2", second)).email == ana)
        #expect(identity(("2", second), ("1", first)).email == ana)
    }

    @Test func `G1: in one second the order's number settles it`() {
        let first = Story.order(story.sale())
        let second = Story.order(story.sale(buyer: Buyer(email: new, customerID: "42")))
        #expect(identity(("1", first), ("2", second)).email == ana)
        #expect(identity(("2", first), ("1", second)).email == new)
    }

    @Test func `G2: case and blanks do not tell people apart, tags do`() {
        #expect(EmailAddress("  Ana.Sample@Example.COM ") == EmailAddress("ana.sample@example.com"))
        #expect(EmailAddress("r.sample+2@example.com") != EmailAddress("r.sample@example.com"))
        #expect(EmailAddress("ana.sample@example.com") != EmailAddress("anasample@example.com"))
        #expect(EmailAddress("Ana@Example.com")?.original == "Ana@Example.com")
        // Byte for byte, as the database compares: a capital J with a caron has no code of its own, the small one has.
        let capital = EmailAddress("J\u{30C}an@example.com")?.normalized.utf8.map { $0 }
        #expect(capital == EmailAddress("\u{1F0}an@example.com")?.normalized.utf8.map { $0 })
    }

    @Test func `G4: the customer's id is the sale's, whatever later events say`() {
        let merged = story.payment(1, at: 30, due: 60, buyer: Buyer(email: ana, customerID: "99"))
        #expect(Story.order(merged, story.subscription()).buyers.values.customer == "42")
        #expect(Story.order(merged).buyers.values.customer == "99")
    }

    @Test func `G5: a name is not overwritten by blanks`() {
        let nameless = story.payment(1, at: 30, due: 60, buyer: Buyer(email: ana, customerID: "42"))
        let person = identity(("1", Story.order(nameless, story.subscription())))
        #expect(person.firstName == "Ana")
        #expect(person.lastName == "Sample")
    }

    @Test func `G6: without an address there is nobody`() {
        let order = Story.order(story.sale(buyer: Buyer(email: nil, firstName: "Ana")))
        #expect(identity(("1", order)).email == nil)
        #expect(Story.order(story.sale(buyer: nil)).buyers.isEmpty)
    }

    @Test func `a member settles after three days, an operator's at once`() {
        func member(_ origin: Member.Origin) -> Member {
            Member(id: .new(at: day(0)), site: .new(at: day(0)), email: ana!, origin: origin, createdAt: day(0))
        }
        #expect(!member(.sale).isSettled(at: day(2)))
        #expect(member(.sale).isSettled(at: day(3)))
        #expect(!member(.laterEvent).isSettled(at: day(2)))
        #expect(member(.byOperator).isSettled(at: day(0)))
    }
}
