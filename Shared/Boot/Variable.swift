/// Every environment variable that any process reads. `.env.example` explains each; a test compares the two.
package enum Variable: String, CaseIterable, Sendable {
    case databaseURL = "DATABASE_URL"
    case redisURL = "REDIS_URL"
    case appKeys = "APP_KEYS"

    case appURL = "APP_URL"
    case host = "HOST"
    case ingressPort = "INGRESS_PORT"
    case productAPIPort = "PRODUCT_API_PORT"
    case sandboxPort = "SANDBOX_PORT"
    case sandboxPayPalPort = "SANDBOX_PAYPAL_PORT"
    case fulfillmentHealthPort = "FULFILLMENT_HEALTH_PORT"
    case renewalsHealthPort = "RENEWALS_HEALTH_PORT"
    case reconciliationHealthPort = "RECONCILIATION_HEALTH_PORT"
    case notificationsHealthPort = "NOTIFICATIONS_HEALTH_PORT"
    case trustedProxies = "TRUSTED_PROXIES"

    case logLevel = "LOG_LEVEL"
    case logFormat = "LOG_FORMAT"

    case workerConcurrency = "WORKER_CONCURRENCY"
    case queueShards = "QUEUE_SHARDS"
    case postgresPool = "POSTGRES_POOL"
    case redisDurability = "REDIS_DURABILITY"
    case drainSeconds = "DRAIN_SECONDS"
    case shutdownDelaySeconds = "SHUTDOWN_DELAY_SECONDS"

    case outboundAllow = "OUTBOUND_ALLOW"
    case outboundPlain = "OUTBOUND_PLAIN"
    case deliveryConcurrency = "DELIVERY_CONCURRENCY"
    case messageRetentionDays = "MESSAGE_RETENTION_DAYS"
    case sendmail = "SENDMAIL"
    case mailFrom = "MAIL_FROM"

    case thriveCartAPI = "THRIVECART_API_URL"
    case thriveCartAPIRate = "THRIVECART_API_PER_MINUTE"

    case payPalEnvironment = "PAYPAL_ENV"
    case payPalClientID = "PAYPAL_CLIENT_ID"
    case payPalClientSecret = "PAYPAL_CLIENT_SECRET"
    case payPalPartnerMerchantID = "PAYPAL_PARTNER_MERCHANT_ID"
    case payPalAttributionID = "PAYPAL_BN_CODE"
    case payPalWebhookID = "PAYPAL_WEBHOOK_ID"
    case payPalWebhookRoots = "PAYPAL_WEBHOOK_ROOTS"
    case payPalBaseURL = "PAYPAL_BASE_URL"
    case payPalBooksRate = "PAYPAL_BOOKS_PER_MINUTE"

    case renewalForm = "RENEWAL_FORM"
    case renewalSearch = "RENEWAL_SEARCH"
    case renewalRate = "RENEWAL_RATE"
    case renewalConcurrency = "RENEWAL_CONCURRENCY"
    case renewalRetrySeconds = "RENEWAL_RETRY_SECONDS"

    case sandboxWebhookURLs = "SANDBOX_WEBHOOK_URLS"
    case sandboxThriveCartAccount = "SANDBOX_THRIVECART_ACCOUNT"
    case sandboxProductAPI = "SANDBOX_PRODUCT_API_URL"
    case sandboxThriveCartSecret = "SANDBOX_THRIVECART_SECRET"
    case sandboxThriveCartAPIKey = "SANDBOX_THRIVECART_API_KEY"

    /// What a process needs that calls PayPal.
    package static let payPal: Set<Variable> = [.payPalClientID, .payPalClientSecret, .payPalPartnerMerchantID]

    /// Never printed, and may be given as a file named by `<name>_FILE`.
    package var isSecret: Bool {
        switch self {
        case .databaseURL, .redisURL, .appKeys, .payPalClientSecret, .sandboxThriveCartSecret,
            .sandboxThriveCartAPIKey:
            true
        default: false
        }
    }

    /// What it holds when it is not set, as one would write it; nil where nothing can stand in.
    package var fallback: String? {
        switch self {
        case .databaseURL, .redisURL, .appKeys, .sandboxThriveCartSecret: nil
        case .payPalClientID, .payPalClientSecret, .payPalPartnerMerchantID, .payPalWebhookID: nil
        case .payPalEnvironment: "sandbox"
        case .payPalBooksRate: "60"
        case .renewalForm: "one-step"
        case .renewalSearch: "false"
        case .renewalRate: "50"
        case .renewalConcurrency: "384"
        case .renewalRetrySeconds: "3600"
        case .payPalAttributionID, .payPalWebhookRoots, .payPalBaseURL: ""
        case .appURL: "http://127.0.0.1:8080"
        case .host: "127.0.0.1"
        case .ingressPort: "8080"
        case .productAPIPort: "8081"
        case .sandboxPort: "8090"
        case .sandboxPayPalPort: "8091"
        case .fulfillmentHealthPort: "9101"
        case .renewalsHealthPort: "9102"
        case .reconciliationHealthPort: "9103"
        case .notificationsHealthPort: "9104"
        case .trustedProxies: ""
        case .logLevel: "info"
        case .logFormat: "json"
        case .workerConcurrency: "16"
        case .postgresPool: "4"
        case .redisDurability: "check"
        case .drainSeconds: "30"
        case .shutdownDelaySeconds: "0"
        case .outboundAllow, .sendmail, .mailFrom, .queueShards: ""
        case .outboundPlain: "false"
        case .deliveryConcurrency: "2000"
        case .messageRetentionDays: "30"
        case .sandboxWebhookURLs: "http://127.0.0.1:8080/webhooks/thrivecart/demo"
        case .sandboxThriveCartAccount: "demoshop"
        case .sandboxProductAPI: ""
        case .sandboxThriveCartAPIKey: "sandbox-api-key"
        case .thriveCartAPI: "https://thrivecart.com/api/external"
        case .thriveCartAPIRate: "60"
        }
    }

    /// What the operator does when it is missing or wrong.
    var advice: String {
        switch self {
        case .databaseURL: "set it to postgres://user:password@host:port/database"
        case .redisURL: "set it to redis://:password@host:port/0, or rediss:// for TLS"
        case .appKeys: "set it to k1:<key>, with a key from: openssl rand -base64 32"
        case .appURL: "set it to the address others reach us at, such as https://pay.example.com"
        case .host: "set it to an address of this machine, or 0.0.0.0 for all of them"
        case .ingressPort, .productAPIPort, .sandboxPort, .sandboxPayPalPort, .fulfillmentHealthPort,
            .renewalsHealthPort, .reconciliationHealthPort, .notificationsHealthPort:
            "set it to a port, 1 to 65535"
        case .trustedProxies: "set it to addresses and networks with commas, such as 10.0.0.0/8,loopback"
        case .logLevel: "set it to trace, debug, info, notice, warning, error or critical"
        case .logFormat: "set it to json or text"
        case .workerConcurrency: "set it to how many jobs run at once, 1 to 1000"
        case .queueShards:
            "set it to queues and how many shards each has, 2 to 64, such as fulfillment=4,notifications=2"
        case .postgresPool: "set it to how many connections are kept, 1 to 100"
        case .redisDurability: "set it to check, or to trust where Redis hides its settings"
        case .drainSeconds: "set it to how long running work may take to end, 1 to 3600"
        case .shutdownDelaySeconds: "set it to how long load balancers need to notice, 0 to 300"
        case .outboundAllow: "set it to networks with commas, such as 127.0.0.0/8; leave it empty in production"
        case .outboundPlain: "set it to true or false"
        case .deliveryConcurrency: "set it to how many deliveries are under way at once, 1 to 10000"
        case .messageRetentionDays: "set it to how many days settled messages are kept, 4 to 3650"
        case .sendmail: "set it to a program that takes a mail, such as /usr/bin/msmtp -t, or leave it empty"
        case .mailFrom: "set it to the address that mails come from"
        case .payPalEnvironment: "set it to sandbox or live"
        case .renewalForm: "set it to one-step or two-step"
        case .renewalSearch: "set it to true or false"
        case .renewalRate: "set it to how many charges may begin in a second, 1 to 10000"
        case .renewalConcurrency: "set it to how many charges one process has under way at once, 1 to 10000"
        case .renewalRetrySeconds: "set it to how long an outage is waited for before PayPal is asked again, 1 to 7200"
        case .payPalClientID: "set it to the client id of the partner's app"
        case .payPalClientSecret: "set it to the secret of the partner's app"
        case .payPalPartnerMerchantID: "set it to the partner's own account, such as HVEZ66K74VENY"
        case .payPalAttributionID: "set it to the BN code that PayPal gave the partner, at most 36 characters"
        case .payPalWebhookID: "set it to what gatehouse paypal webhooks register printed"
        case .payPalWebhookRoots: "set it to a PEM file of certificates, or leave it empty for those of DigiCert"
        case .payPalBaseURL: "set it to the address of a pretended PayPal, and only beside PAYPAL_ENV=sandbox"
        case .payPalBooksRate: "set it to how often PayPal may be asked in a minute, 0 to 100000; 0 is no limit"
        case .sandboxWebhookURLs: "set it to addresses of webhooks with commas"
        case .sandboxProductAPI: "set it to where the demo reaches product-api, or leave it empty for this machine"
        case .sandboxThriveCartAccount: "set it to the name of the pretended ThriveCart account"
        case .sandboxThriveCartSecret: "set it to the secret word of the pretended ThriveCart account"
        case .sandboxThriveCartAPIKey: "set it to what opens the books of the pretended ThriveCart account"
        case .thriveCartAPI: "set it to where ThriveCart's API is, or to the sandbox's"
        case .thriveCartAPIRate: "set it to how many requests an account has in a minute, 0 to 100000; 0 is no limit"
        }
    }
}
