import Testing

@testable import ThriveCart

@Suite struct `Reading multipart form data` {
    @Test func `fields are read with their brackets, values byte for byte`() throws {
        let root = try parse(
            part("event", "order.success") + part("customer[email]", "a+b%40@example.com") + part("p[]", "x\r\ny")
                + part("p[]", "") + part("b", "1", header: "Content-Disposition:form-data;name=b\r\n")
        )
        #expect(root["event"]?.text == "order.success")
        #expect(root["customer", "email"]?.text == "a+b%40@example.com")
        #expect(root["p"]?.list.compactMap(\.text) == ["x\r\ny", ""])
        #expect(root["b"]?.text == "1")
    }

    @Test func `other headers and bare line feeds are tolerated`() throws {
        let body =
            "--B\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n"
            + "Content-Disposition: form-data; name=\"a\\\"b\"\n\n1\n--B--\n"
        #expect(try ThriveCartBody.parse(Array(body.utf8)).root["a\"b"]?.text == "1")
    }

    @Test func `a line that only resembles the boundary belongs to the value`() throws {
        let root = try parse(part("a", "x\r\n-- XBOUND\r\n--OTHER\r\ny"))
        #expect(root["a"]?.text == "x\r\n-- XBOUND\r\n--OTHER\r\ny")
    }

    @Test func `a file is refused`() {
        let header = "Content-Disposition: form-data; name=\"a\"; filename=\"x.php\"\r\n"
        #expect(throws: ThriveCartError.fileUploaded) { try parse(part("a", "1", header: header)) }
    }

    @Test(arguments: [
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\n1\r\n--XBOUND--\r\n",
        "--XBOUND\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XBOUND--\r\n",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n--XBOUND--",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--XBOUND--",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XBOUNDX--\r\n",
        "--XBOUND\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XBOUND--\r\nthrivecart_secret=1",
    ]) func `a body that is cut short or broken is refused`(body: String) {
        #expect(throws: ThriveCartError.malformedMultipart) { try ThriveCartBody.parse(Array(body.utf8)) }
    }

    @Test func `a thousand fields are read, one more is refused`() throws {
        let parts = (0..<1_000).map { part("a\($0)", "1") }.joined()
        #expect(try parse(parts).members.count == 1_000)
        #expect(throws: ThriveCartError.tooManyFields) { try parse(parts + part("b", "1")) }
    }

    @Test(arguments: ["--B--", "--B--\r\n", "--", "--x=1&event=order.success", "---\r\n", "--B\r\n"])
    func `what only begins with hyphens is no order`(body: String) throws {
        #expect(try ThriveCartBody.parse(Array(body.utf8)).isPing == !body.contains("event"))
    }

    private func part(_ name: String, _ value: String, header: String? = nil) -> String {
        let header = header ?? "Content-Disposition: form-data; name=\"\(name)\"\r\n"
        return "--XBOUND\r\n\(header)\r\n\(value)\r\n"
    }

    @discardableResult private func parse(_ parts: String) throws -> PayloadNode {
        try ThriveCartBody.parse(Array((parts + "--XBOUND--\r\n").utf8)).root
    }
}
