/// What PayPal says in the headers of a webhook, and signs.
package struct Transmission: Sendable, Hashable {
    package var id: String
    /// As it stands in the header: it is signed as text.
    package var time: String
    /// Base64.
    package var signature: String
    package var certificateURL: String
    package var algorithm: String

    package init(id: String, time: String, signature: String, certificateURL: String, algorithm: String) {
        self.id = id
        self.time = time
        self.signature = signature
        self.certificateURL = certificateURL
        self.algorithm = algorithm
    }

    /// The headers' names, in lower case.
    package enum Header {
        package static let id = "paypal-transmission-id"
        package static let time = "paypal-transmission-time"
        package static let signature = "paypal-transmission-sig"
        package static let certificateURL = "paypal-cert-url"
        package static let algorithm = "paypal-auth-algo"
    }

    /// Nil where one of the five is missing, empty, or longer than PayPal makes them.
    package init?(header: (String) -> String?) {
        func value(_ name: String) -> String? {
            header(name).flatMap { (1...2048).contains($0.utf8.count) ? $0 : nil }
        }
        guard let id = value(Header.id), let time = value(Header.time), let signature = value(Header.signature),
            let url = value(Header.certificateURL), let algorithm = value(Header.algorithm)
        else { return nil }
        self.init(id: id, time: time, signature: signature, certificateURL: url, algorithm: algorithm)
    }
}
