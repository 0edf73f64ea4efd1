import Domain
import Foundation
import Outbound
import Postgres
import Sealing
import Store
import TestKit
import Testing

/// Every entrance by which somebody can hand us an address, in the network where each forbidden one counts who comes: the
/// command line's `endpoint create`, the Product API's `webhooks_url` when a shop is connected and when it changes it, its
/// `site_url` and an order's `return_url` and `cancel_url`, and the certificate's address in a webhook that claims to be
/// PayPal's. `CanaryTests` sends to what gets in, and to what does not. `ENTRANCE_ALL=1` types the whole corpus everywhere.
@Suite(.serialized) struct `Addresses at the entrances` {
    @Test func `what is typed in is refused or kept, and nobody is called over it`() async throws {
        guard let network = try await CanaryNetwork.make() else {
            return print("entrances: skipped, for this machine lets us make no network (unshare -n) or has no python3")
        }
        let site = try await TestSite()
        let shop = try await site.merchant(webhooks: "https://shop.example/hook")
        let (bearer, now) = (String(repeating: "b", count: 48), Date())
        try await site.store.transaction {
            try $0.insertToken(TokenHash(of: bearer).bytes, of: shop.id, at: now, until: now.addingTimeInterval(3600))
        }
        let redis = try await RedisServer(.init(isDurable: true))
        let folder = try TestDirectory.make("entrances")
        let corpus = AddressCorpus.all
        try Data(try JSONEncoder().encode(corpus)).write(to: URL(filePath: folder + "/corpus.json"))
        try Data(Self.script.utf8).write(to: URL(filePath: folder + "/type.py"))

        let words = network.words + ["python3", folder + "/type.py", builtPrograms.path, folder]
        let output = try await run(
            words[0],
            Array(words.dropFirst()),
            environment: [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin:/usr/sbin:/sbin",
                "DATABASE_URL": site.databaseURL, "REDIS_URL": redis.url, "APP_KEYS": TestSite.keys,
                "LOG_LEVEL": "error", "HOST": "127.0.0.1", "PRODUCT_API_PORT": "18081", "INGRESS_PORT": "18080",
                "PAYPAL_ENV": "sandbox", "PAYPAL_CLIENT_ID": "client", "PAYPAL_CLIENT_SECRET": "secret",
                "PAYPAL_PARTNER_MERCHANT_ID": "PARTNER", "PAYPAL_WEBHOOK_ID": "5GP028458E2496506", "BEARER": bearer,
                "TRUSTED_PROXIES": "loopback", "ALL": ProcessInfo.processInfo.environment["ENTRANCE_ALL"] ?? "",
            ]
        )
        let typed = try #require(output.split(separator: "\n").last.map { String($0) })
        let counts = try JSONDecoder().decode([String: [String: Int]].self, from: Data(typed.utf8))

        // What the rules take is kept, all else is refused: by every entrance alike.
        let taken = corpus.filter { (try? EndpointURL($0)) != nil }
        #expect(taken.count < corpus.count / 10)
        #expect(counts["change"] == ["200": taken.count, "422": corpus.count - taken.count])
        #expect(counts["certificate"]?["200"] == nil)
        #expect((counts["certificate"]?.values.reduce(0, +) ?? 0) >= corpus.count - 10)
        #expect((counts["connect"]?.values.reduce(0, +) ?? 0) >= 20)
        #expect((counts["order"]?.values.reduce(0, +) ?? 0) >= 20)
        let created = try await site.store.read { try $0.endpoints(of: .site(site.id)) }.map(\.url)
        #expect(Set(created).isSubset(of: taken))
        #expect(counts["create"]?["64"] ?? 0 > 20)

        let report = try network.report()
        #expect(report.strangers == [], "somebody was called")
        #expect(report.ownCalls == report.listeners && report.listeners > 10)
        print("entrances: \(corpus.count) addresses, \(typed), \(report.strangers.count) connects")
        await redis.stop()
    }

    /// Plays those who type. Prints what they were answered, by entrance and status.
    private static let script = #"""
        import collections, http.client, json, os, subprocess, sys, time
        own, folder = sys.argv[1:3]
        corpus = json.load(open(folder + "/corpus.json"))
        log = open(folder + "/log", "w")
        processes = [subprocess.Popen([own + "/" + name], stdout=log, stderr=log) for name in ("product-api", "ingress")]
        counts = collections.defaultdict(collections.Counter)

        def ask(port, method, path, body="", headers={}):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, path, body.encode(), headers)
            return connection.getresponse().status

        for port in (18081, 18080):
            for _ in range(600):
                try:
                    if ask(port, "GET", "/livez") == 200: break
                except OSError: pass
                time.sleep(0.05)

        shop = {"Authorization": "Bearer " + os.environ["BEARER"], "Content-Type": "application/json"}
        api = "/api/paypal/v1"
        for address in corpus:
            counts["change"][ask(18081, "PATCH", api + "/merchant", json.dumps({"webhooks_url": address}), shop)] += 1
            transmission = {"Paypal-Transmission-Id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
                "Paypal-Transmission-Time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "Paypal-Auth-Algo": "SHA256withRSA", "Paypal-Transmission-Sig": "c2lnbmF0dXJl",
                "Paypal-Cert-Url": address.encode().decode("latin-1") + "v1/notifications/certs/CERT-360caa42-fca2a594"}
            try: counts["certificate"][ask(18080, "POST", "/webhooks/paypal", '{"id": "WH-1"}', transmission)] += 1
            except ValueError: pass  # no client sends such a header
        some = corpus if os.environ["ALL"] == "1" else corpus[::29] + corpus[-12:]
        for number, address in enumerate(some):
            secret = "%032x" % number
            body = {"secret": secret, "referral_token": "", "merchant_id": "HF5SN9RKCTNJ2", "site_url": address,
                "webhooks_url": address}
            # Each from a shop of its own, or most would only be told that they ask too often.
            one = dict(shop, **{"X-Forwarded-For": "198.18.%d.%d" % (number // 250, number % 250 + 1)})
            counts["connect"][ask(18081, "POST", api + "/onboarding/complete", json.dumps(body), one)] += 1
            body = {"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "1.00"}}],
                "application_context": {"return_url": address, "cancel_url": address}}}
            counts["order"][ask(18081, "POST", api + "/orders", json.dumps(body), shop)] += 1
            counts["create"][subprocess.run([own + "/gatehouse", "endpoint", "create", address, "--json"],
                stdout=log, stderr=log).returncode] += 1
        for process in processes: process.kill()
        print(json.dumps(counts))
        """#
}
