/// A certificate authority of this test process and what it has signed, made by the `openssl` command.
package struct TestCertificates: Sendable {
    /// PEM files.
    package let authority: String
    /// For `localhost` and 127.0.0.1.
    package let certificate: String
    package let key: String
    /// By the same authority, for `elsewhere.test`.
    package let certificateOfAnother: String
    package let keyOfAnother: String
    /// Signed by itself; nobody trusts it.
    package let otherAuthority: String

    package static func shared() async throws -> TestCertificates { try await made.value }

    private static let made = Task { try await make() }

    private static func make() async throws -> TestCertificates {
        let directory = try TestDirectory.make("tls")
        let made = TestCertificates(
            authority: directory + "/authority.pem",
            certificate: directory + "/server.pem",
            key: directory + "/server.key",
            certificateOfAnother: directory + "/another.pem",
            keyOfAnother: directory + "/another.key",
            otherAuthority: directory + "/other.pem"
        )
        for (name, file) in [("authority", made.authority), ("other", made.otherAuthority)] {
            try await run(
                "openssl",
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
                    + ["-subj", "/CN=Test \(name)", "-keyout", directory + "/\(name).key", "-out", file]
            )
        }
        for (name, file, key) in [
            ("DNS:localhost,IP:127.0.0.1", made.certificate, made.key),
            ("DNS:elsewhere.test", made.certificateOfAnother, made.keyOfAnother),
        ] {
            try await run(
                "openssl",
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
                    + ["-subj", "/CN=test", "-addext", "subjectAltName=\(name)"]
                    + ["-addext", "basicConstraints=critical,CA:FALSE"]
                    + ["-CA", made.authority, "-CAkey", directory + "/authority.key"]
                    + ["-keyout", key, "-out", file]
            )
        }
        return made
    }
}
