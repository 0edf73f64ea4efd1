import Testing

@testable import ThriveCart

@Suite struct `The secret in a body` {
    static let spellings = [
        "event=e&thrivecart_secret=TESTSECRET00&a=1",
        "thrivecart_secret=TESTSECRET00",
        "a=1&thrivecart_secret=TESTSECRET00",
        "thrivecart_secret=TESTSECRET00&thrivecart_secret=TESTSECRET00&a=1&thrivecart_secret=TESTSECRET00",
        "a=1&thrivecart_secret=TESTSECRET00&thrivecart_secret=TESTSECRET00",
        "thrivecart%5Fsecret=TESTSECRET00&a=1",
        "thrivecart.secret=TESTSECRET00&a=1",
        "thrivecart+secret=TESTSECRET00&a=1",
        "++thrivecart_secret=TESTSECRET00&a=1",
        "thrivecart[secret=TESTSECRET00&a=1",
        "thrivecart_secret%00x=TESTSECRET00&a=1",
        "thrivecart_secret[]=TESTSECRET00&a=1",
        "thrivecart_secret%5Bx%5D%5By%5D=TESTSECRET00&a=1",
        "order[thrivecart_secret]=TESTSECRET00&a=1",
        #"{"thrivecart_secret":"TESTSECRET00"}"#,
        #"{"thrivecart_secret":"TESTSECRET00","a":"1"}"#,
        #"{"a":"1" , "thrivecart_secret" : "TESTSECRET00" }"#,
        #"{"a":"1","thrivecart_secret":["TESTSECRET00"],"b":{"thrivecart_secret":{"x":"TESTSECRET00"}},"c":2}"#,
        #"{"a":"1","thrivecart\u005fsecret":"TESTSECRET00"}"#,
        "--B\r\nContent-Disposition: form-data; name=\"thrivecart_secret\"\r\n\r\nTESTSECRET00\r\n--B--\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\n"
            + "Content-Disposition: form-data; name=\"thrivecart.secret\"\r\n\r\nTESTSECRET00\r\n--B--\r\n",
    ]

    @Test(arguments: spellings) func `every spelling is cut out and the rest stays`(body: String) throws {
        try expectCut(Array(body.utf8))
    }

    @Test(arguments: Fixtures.events) func `it is cut out of every body we know`(name: String) throws {
        let body = try Fixtures.event(name)
        guard (try? ThriveCartBody.parse(body)) != nil else { return }  // Because what is refused is never stored.
        try expectCut(body)
    }

    @Test func `a body without it stays as it is, byte for byte`() throws {
        let body = Array("a=1&&b=%zz&thrivecart_account=x&".utf8)
        #expect(try ThriveCartBody.parse(body).withoutSecret() == body)
    }

    @Test func `cutting changes no other byte`() throws {
        let form = try ThriveCartBody.parse(Array("b=%7a+x&thrivecart_secret=S&a[]=1&".utf8))
        #expect(String(decoding: form.withoutSecret(), as: UTF8.self) == "b=%7a+x&a[]=1&")
        let json = try ThriveCartBody.parse(Array(#"{ "a" : 1.0, "thrivecart_secret":"S", "b":"\u0041" }"#.utf8))
        #expect(String(decoding: json.withoutSecret(), as: UTF8.self) == #"{ "a" : 1.0,  "b":"\u0041" }"#)
    }

    @Test(
        arguments: [
            ("thrivecart_secret=S", "S"), ("thrivecart_secret=A&thrivecart_secret=B", "B"), ("thrivecart_secret=", nil),
            ("thrivecart_secret", nil), ("thrivecart_secret[]=S", nil),
            ("thrivecart_secret=S&thrivecart_secret[]=S", nil),
            ("a=1", nil), (#"{"thrivecart_secret":"S"}"#, "S"), (#"{"thrivecart_secret":12}"#, "12"),
            (#"{"thrivecart_secret":null}"#, nil), (#"{"thrivecart_secret":["S"]}"#, nil),
            (#"{"thrivecart_secret":{}}"#, nil),
        ] as [(String, String?)]
    ) func `only plain text counts as presented`(body: String, secret: String?) throws {
        #expect(try ThriveCartBody.parse(Array(body.utf8)).secret == secret.map { Array($0.utf8) })
    }

    @Test func `printing anything of a body tells neither the secret nor the buyer`() throws {
        let payload = try Fixtures.payload("order.success.subscription-monthly.json")
        let seller = SimulatedSeller(account: "studio", secret: "TESTSECRET00")
        var post = ThriveCartPost(fields: [])
        post.addSeller(seller)
        let printed = [
            "\(payload)", "\(payload.root)", "\(payload.checkoutEvent(account: ""))", "\(seller)", "\(post)",
        ]
        for text in printed + [String(reflecting: payload), String(reflecting: post)] {
            #expect(!text.contains("TESTSECRET00"))
            #expect(!text.lowercased().contains("sample"))
            #expect(!text.contains("84, 69, 83, 84"), "the bytes of the secret")
        }
    }

    private func expectCut(_ body: [UInt8]) throws {
        let payload = try ThriveCartBody.parse(body)
        let kept = payload.withoutSecret()
        let rest = try ThriveCartBody.parse(kept)
        #expect(!String(decoding: kept, as: UTF8.self).contains("SECRET0"))
        #expect(rest.secret == nil)
        #expect(Shape(rest.root).without("") == Shape(payload.root).without("thrivecart_secret"))
        #expect(rest.deliveryKey == payload.deliveryKey)
        #expect(rest.withoutSecret() == kept)
        #expect(rest.checkoutEvent(account: "") == payload.checkoutEvent(account: ""))
    }
}

@Suite struct `Believing a body` {
    @Test func `the current and the previous word are good, others are not`() throws {
        let verifier = ThriveCartVerifier(secrets: ["NEWSECRET000", "TESTSECRET00"], account: "examplestudio")
        #expect(verifier.accepts(try body("thrivecart_secret=TESTSECRET00")))
        #expect(verifier.accepts(try body("thrivecart_secret=NEWSECRET000")))
        for wrong in ["TESTSECRET01", "TESTSECRET0", "TESTSECRET000", "testsecret00", "TESTSECRET00+", ""] {
            #expect(!verifier.accepts(try body("thrivecart_secret=\(wrong)")), "\(wrong)")
        }
        #expect(verifier.verdict(on: try body("a=1")) == .secretMissing)
        #expect(verifier.verdict(on: try body("thrivecart_secret[]=TESTSECRET00")) == .secretMissing)
    }

    @Test func `without a configured word nothing is good`() throws {
        for secrets in [[], [""], [" "]] {
            let verifier = ThriveCartVerifier(secrets: secrets, account: nil)
            #expect(!verifier.accepts(try body("thrivecart_secret=TESTSECRET00")))
            #expect(!verifier.accepts(try body("thrivecart_secret=")))
            #expect(!verifier.accepts(try body("thrivecart_secret=+")))
        }
    }

    @Test(arguments: [
        ("", true), ("&thrivecart_account=examplestudio", true), ("&thrivecart_account=+ExampleStudio", true),
        ("&thrivecart_account=", true), ("&thrivecart_account=null", true), ("&thrivecart_account=someoneelse", false),
        ("&thrivecart_account=examplestudio2", false), ("&thrivecart_account[]=examplestudio", false),
        ("&thrivecart_account=" + String(repeating: "x", count: 200), false),
    ]) func `the account must be ours when it is named`(fields: String, isOurs: Bool) throws {
        let verifier = ThriveCartVerifier(secrets: ["TESTSECRET00"], account: " ExampleStudio")
        #expect(verifier.accepts(try body("thrivecart_secret=TESTSECRET00" + fields)) == isOurs)
    }

    @Test func `without a configured account any is good`() throws {
        let verifier = ThriveCartVerifier(secrets: ["TESTSECRET00"], account: " ")
        #expect(verifier.accepts(try body("thrivecart_secret=TESTSECRET00&thrivecart_account=any")))
    }

    private func body(_ form: String) throws -> ThriveCartPayload { try ThriveCartBody.parse(Array(form.utf8)) }
}
