package import Domain
package import Foundation
package import Outbound
package import Sealing
package import Store

/// A secret that was just made: shown once to who asked for it, and kept sealed.
package struct NewEndpointSecret: Sendable {
    /// 32 random bytes.
    package let bytes: [UInt8]
    package let stored: EndpointSecret

    package init(for endpoint: Endpoint.ID, sealedBy sealer: Sealer, at now: Date) throws(SealingError) {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
        let id = EndpointSecret.ID.new(at: now)
        self.bytes = bytes
        stored = EndpointSecret(
            id: id,
            endpoint: endpoint,
            sealed: try sealer.seal(bytes, for: EndpointSecret.place(of: id)),
            createdAt: now
        )
    }

    /// `whsec_…`, as receivers want it.
    package var text: String { StandardWebhook.text(of: bytes) }
}

extension NewEndpointSecret: CustomStringConvertible, CustomReflectable {
    package var description: String { "NewEndpointSecret(***)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
