import Addresses
import Outbound
import Testing

@Suite struct `Which addresses may be posted to` {
    let policy = AddressPolicy(own: [IPAddress("93.184.215.7")!])

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.9", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1",
        "3fff::1", "5f00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378::1", "fd00:ec2::254",
    ]) func `is refused`(text: String) throws {
        #expect(!policy.permits(try #require(IPAddress(text))))
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
        "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
        "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
    ]) func `is allowed`(text: String) throws {
        #expect(policy.permits(try #require(IPAddress(text))))
    }

    @Test func `this machine's own addresses are refused, in every disguise`() throws {
        for text in ["93.184.215.7", "::ffff:93.184.215.7", "64:ff9b::5db8:d707", "2002:5db8:d707::1"] {
            #expect(!policy.permits(try #require(IPAddress(text))))
        }
    }

    @Test func `a block that was let through is let through, and only that block`() throws {
        let open = AddressPolicy(allowing: [try #require(IPNetwork("127.0.0.0/30"))], own: [])
        #expect(open.permits(try #require(IPAddress("127.0.0.3"))))
        #expect(!open.permits(try #require(IPAddress("127.0.0.4"))))
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "", "/8", "::/129", "nowhere", "10.0.0.0/8/8"])
    func `a block that can't be read is no block`(text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
