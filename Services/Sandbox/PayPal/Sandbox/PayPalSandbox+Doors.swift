/// The same doors for a test that runs the sandbox inside itself.
extension PayPalSandbox {
    /// Every movement of money, oldest first.
    package var money: [MoneyBook.Entry] { withBooks { $0.money.entries } }

    /// The buyer agrees; the address that the browser goes to, or nil where there is nothing to agree to.
    @discardableResult
    package func approveOrder(_ id: String, email: String? = nil) -> String? {
        withBooks { $0.approveOrder(id, email: email) }
    }

    @discardableResult
    package func approveSetupToken(_ id: String, email: String? = nil) -> String? {
        withBooks { $0.approveSetupToken(id, email: email) }
    }

    /// A merchant that is connected already.
    package func addMerchant(_ id: String, trackingID: String? = nil, blocksDuplicateInvoices: Bool = false) {
        withBooks { books in
            var merchant = PayPalMerchant(
                id: id,
                trackingID: trackingID,
                email: "merchant-\(id.lowercased())@example.com"
            )
            merchant.blocksDuplicateInvoices = blocksDuplicateInvoices
            books.connect(merchant)
        }
    }

    package func add(_ fault: PayPalFault) {
        withBooks { $0.faults.add(fault) }
    }

    package func clearFaults() {
        withBooks { $0.faults.clear() }
    }

    /// Moves the clock on; what is due then happens, and webhooks that wait are sent.
    package func advance(by seconds: Double) {
        clock.advance(by: seconds)
        withBooks { _ in }
        courier.wake()
    }

    package var settings: PayPalHabits {
        get { withBooks { $0.settings } }
        set { withBooks { $0.settings = newValue } }
    }

    /// A new certificate signs from now on; its id.
    package func rotateCertificate() throws -> String {
        guard var authority = withBooks({ $0.authority }) else { return "" }
        let id = withBooks { $0.numbers.certificate() }
        try authority.rotate(id: id)
        let rotated = authority
        withBooks { $0.authority = rotated }
        courier.wake()
        return id
    }

    /// What a receiver of webhooks has to trust.
    package var rootsPEM: String {
        get throws { try withBooks { $0.authority }?.rootsPEM ?? "" }
    }
}
