import Domain
import Testing

@testable import ThriveCart

@Suite struct `The address of the thank-you page` {
    struct Vector: Sendable {
        var name: String
        var secret: String
        var query: String
        var isValid: Bool
    }

    static var vectors: [Vector] {
        get throws {
            let file = try Fixtures.json("success-url.json")
            return ["positive", "negative"].flatMap { file[$0] as? [[String: Any]] ?? [] }.compactMap { vector in
                guard let name = vector["name"] as? String, let secret = vector["secret"] as? String,
                    let query = vector["query"] as? String, let isValid = vector["valid"] as? Bool
                else { return nil }
                return Vector(name: name, secret: secret, query: query, isValid: isValid)
            }
        }
    }

    @Test func `every vector made with PHP is judged right`() throws {
        let vectors = try Self.vectors
        #expect(vectors.count == 12)
        for vector in vectors {
            let address = try SuccessURL(query: vector.query)
            #expect(address.isSigned(withOneOf: [vector.secret]) == vector.isValid, "\(vector.name)")
            #expect(address.isSigned(withOneOf: ["OTHERSECRET0", vector.secret]) == vector.isValid, "\(vector.name)")
            #expect(!address.isSigned(withOneOf: ["OTHERSECRET0"]), "\(vector.name)")
            #expect(!address.isSigned(withOneOf: []), "\(vector.name)")
            #expect(!address.isSigned(withOneOf: ["", " "]), "\(vector.name)")
        }
    }

    @Test func `the order and the buyer can be read`() throws {
        let vector = try #require(try Self.vectors.first)
        let address = try SuccessURL(query: vector.query)
        #expect(address.order == "40000001")
        #expect(address.account == "examplestudio")
        #expect(address.email?.original == "ana.sample@example.com")
    }

    @Test(arguments: ["", "thrivecart", "thrivecart[]=", "thrivecart_hash=x", "a=b", "thrivecart[%FF]=1", "%"])
    func `a query without an order is not signed`(query: String) throws {
        let padded = query + "&thrivecart_hash=" + String(repeating: "0", count: 32)
        #expect(!(try SuccessURL(query: query).isSigned(withOneOf: ["TESTSECRET00"])))
        #expect(!(try SuccessURL(query: padded).isSigned(withOneOf: ["TESTSECRET00"])))
    }
}
