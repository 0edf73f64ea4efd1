internal import Foundation

/// Everything that the pretended PayPal knows. Its calls are extensions, in the folders beside this one.
struct Books: Sendable {
    var settings: PayPalHabits
    var numbers = PayPalNumbers()
    var now = Date(timeIntervalSince1970: 0)

    var tokens: [String: AccessToken] = [:]
    var merchants: [String: PayPalMerchant] = [:]
    var referrals = Shelf<Referral>(limit: 5_000)
    var domains: [String: [String]] = [:]

    var orders = Shelf<PayPalOrder>(limit: 50_000)
    var captures: [String: PayPalOrder.ID] = [:]
    var refunds: [String: PayPalOrder.ID] = [:]
    /// Invoice ids that were paid, by merchant, for those who take each only once.
    var invoices: [String: Set<String>] = [:]

    var setupTokens = Shelf<SetupToken>(limit: 20_000)
    var paymentTokens = Shelf<PaymentToken>(limit: 50_000)
    /// The customer that PayPal made for a merchant's buyer.
    var customers: [String: String] = [:]

    var webhooks: [PayPalWebhook] = []
    var events = Shelf<PayPalEvent>(limit: Books.keptEvents)
    static let keptEvents = 10_000
    var deliveries = DeliveryQueue()

    var memory = RequestMemory(limit: 100_000)
    var money = MoneyBook(limit: 100_000)
    var requests = RequestBook(limit: 20_000)
    var faults = PayPalFaultPlan()
    /// Requests that run right now, where one is slow.
    var underway: Set<String> = []
    /// What happens by itself when the clock gets there.
    var later = Agenda()
    /// Whose certificates sign webhooks; nil where the machine could not make any.
    var authority: SigningAuthority?
    /// Where we were reached last; links in events begin with it.
    var base = ""

    init(settings: PayPalHabits) {
        self.settings = settings
        connect(PayPalMerchant.demo)
    }

    // MARK: Time

    /// Moves on to `time`, and does what was due until then.
    mutating func reach(_ time: Date) {
        now = time
        while let item = later.due(at: time) { perform(item) }
    }

    private mutating func perform(_ item: Agenda.Item) {
        switch item {
        case .provision(let merchant): provision(merchant)
        case .vault(let order): finishVaulting(order)
        }
    }

    // MARK: Calls

    /// Answers one authenticated call.
    mutating func answer(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        switch ask.call {
        case .token: try issueToken(ask)
        case .generateToken: generateClientToken(ask)
        case .createReferral: try createReferral(ask)
        case .getReferral: try showReferral(ask)
        case .findIntegration: try findIntegration(ask)
        case .getIntegration: try showIntegration(ask)
        case .createOrder: try createOrder(ask)
        case .getOrder: try showOrder(ask)
        case .patchOrder: try patchOrder(ask)
        case .captureOrder: try captureOrder(ask)
        case .getCapture: try showCapture(ask)
        case .refundCapture: try refundCapture(ask)
        case .getRefund: try showRefund(ask)
        case .createSetupToken: try createSetupToken(ask)
        case .getSetupToken: try showSetupToken(ask)
        case .createPaymentToken: try createPaymentToken(ask)
        case .listPaymentTokens: try listPaymentTokens(ask)
        case .getPaymentToken: try showPaymentToken(ask)
        case .deletePaymentToken: try deletePaymentToken(ask)
        case .registerDomain: try registerDomain(ask)
        case .listDomains: try listDomains(ask)
        case .unregisterDomain: try unregisterDomain(ask)
        case .createWebhook: try createWebhook(ask)
        case .listWebhooks: listWebhooks(ask)
        case .getWebhook: try showWebhook(ask)
        case .patchWebhook: try patchWebhook(ask)
        case .deleteWebhook: try deleteWebhook(ask)
        case .webhookEventTypes: try showWebhookEventTypes(ask)
        case .availableEventTypes: showEventTypes()
        case .verifySignature: try verifySignature(ask)
        case .listEvents: try listEvents(ask)
        case .getEvent: try showEvent(ask)
        case .resendEvent: try resendEvent(ask)
        case .simulateEvent: try simulateEvent(ask)
        case .transactions: try searchTransactions(ask)
        case .certificate: try showCertificate(ask)
        }
    }
}

/// What happens by itself at a time, soonest first.
struct Agenda: Sendable {
    enum Item: Sendable {
        case provision(String)
        case vault(PayPalOrder.ID)
    }

    private var items: [(at: Date, item: Item)] = []

    mutating func add(_ item: Item, at date: Date) {
        let index = items.firstIndex { $0.at > date } ?? items.endIndex
        items.insert((date, item), at: index)
    }

    mutating func due(at now: Date) -> Item? {
        guard let first = items.first, first.at <= now else { return nil }
        return items.removeFirst().item
    }

    var next: Date? { items.first?.at }
}
