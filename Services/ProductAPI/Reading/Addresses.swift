internal import Foundation
internal import Outbound

extension Fields {
    /// Where the merchant's site is: a web address with a host. We never call it.
    mutating func siteURL(_ name: String) -> String? {
        guard let text = text(name) else { return nil }
        let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPlain, let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()),
            url.host?.isEmpty == false, url.user == nil
        else {
            complain(name, "The \(name) field must be a valid URL.")
            return nil
        }
        // Because the same site with and without a slash at the end is one site.
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// Where forwards go: an address that we are ready to call.
    mutating func webhooksURL(_ name: String, rules: EndpointURL.Rules) -> String? {
        guard let text = optionalText(name) else { return nil }
        do {
            _ = try EndpointURL(text, rules: rules)
            return text
        } catch {
            complain(name, "The \(name) field must be a public https URL.")
            return nil
        }
    }
}
