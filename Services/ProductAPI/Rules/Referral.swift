internal import PayPal

/// What the seller is asked to agree to.
enum Referral {
    /// Source: PayPal Partner Referrals v2. `ACCESS_MERCHANT_INFORMATION` is what lets us read the country.
    static func document(trackingID: String, returnURL: String) -> JSON {
        [
            "tracking_id": .string(trackingID),
            "operations": [
                [
                    "operation": "API_INTEGRATION",
                    "api_integration_preference": [
                        "rest_api_integration": [
                            "integration_method": "PAYPAL",
                            "integration_type": "THIRD_PARTY",
                            "third_party_details": [
                                "features": [
                                    "PAYMENT", "REFUND", "ACCESS_MERCHANT_INFORMATION", "VAULT", "BILLING_AGREEMENT",
                                ]
                            ],
                        ]
                    ],
                ]
            ],
            "products": ["PPCP", "PAYMENT_METHODS", "ADVANCED_VAULTING"],
            "capabilities": ["APPLE_PAY", "GOOGLE_PAY", "PAYPAL_WALLET_VAULTING_ADVANCED"],
            "partner_config_override": ["return_url": .string(returnURL)],
            "legal_consents": [["type": "SHARE_DATA_CONSENT", "granted": true]],
        ]
    }
}
