extension Books {
    // MARK: GET /v2/checkout/orders/{id}

    func showOrder(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let order = orders[ask.id] else { throw .unknown() }
        try mayUse(order, ask)
        return PayPalReply(200, orderJSON(order, ask.base))
    }

    // MARK: PATCH /v2/checkout/orders/{id}

    /// Takes what shops change most: the invoice and custom ids, the description, and before approval the amount.
    mutating func patchOrder(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard var order = orders[ask.id] else { throw .unknown() }
        try mayUse(order, ask)
        guard order.status != .completed, order.status != .voided else { throw .refused("ORDER_ALREADY_COMPLETED") }
        for change in try ask.json().values {
            guard let path = change["path"]?.text else { throw .refused("PATCH_PATH_REQUIRED") }
            guard ["add", "replace"].contains(change["op"]?.text ?? "") else { throw .refused("INVALID_PARAMETER") }
            guard let value = change["value"] else { throw .refused("PATCH_VALUE_REQUIRED") }
            let parts = path.split(separator: "/")
            guard parts.count == 3, parts[0] == "purchase_units", parts[1].hasPrefix("@reference_id==") else {
                throw .refused("NOT_PATCHABLE")
            }
            let reference = parts[1].dropFirst(15).trimming(while: "'")
            guard let index = order.units.firstIndex(where: { $0.json["reference_id"]?.text == reference }) else {
                throw .refused("REFERENCE_ID_NOT_FOUND")
            }
            try patch(&order.units[index], String(parts[2]), value)
        }
        order.updatedAt = now
        orders[order.id] = order
        return PayPalReply(204)
    }

    private func patch(_ unit: inout PurchaseUnit, _ name: String, _ value: SandboxJSON) throws(PayPalProblem) {
        switch name {
        case "invoice_id":
            try refuseDuplicate(value.text, of: unit.merchant)
            unit.invoiceID = value.text
        case "custom_id": unit.customID = value.text
        case "description": break
        case "amount": unit.amount = try PayPalAmount(value, at: "/amount")
        default: throw .refused("NOT_PATCHABLE")
        }
        unit.json.set(name, value.normalized)
    }

    // MARK: As an answer

    /// The little that PayPal answers by default, or all where `Prefer` asks for it.
    func reply(_ order: PayPalOrder, _ ask: PayPalAsk, status: Int) -> PayPalReply {
        if ask.wantsRepresentation { return PayPalReply(status, orderJSON(order, ask.base)) }
        var answer = SandboxJSON.of([
            "id": .string(order.id),
            "status": .string(order.status.rawValue),
            "payment_source": sourceJSON(order, ask.base),
        ])
        if order.status == .completed {
            answer.set(
                "purchase_units",
                .array(
                    order.units.map { unit in
                        .of([
                            "reference_id": unit.json["reference_id"],
                            "payments": paymentsJSON(unit, order, ask.base),
                        ])
                    }
                )
            )
            answer.set("payer", payerJSON(order))
        }
        answer.set("links", links(order, ask.base))
        return PayPalReply(status, answer)
    }

    func orderJSON(_ order: PayPalOrder, _ base: String) -> SandboxJSON {
        .of([
            "id": .string(order.id),
            "intent": .string(order.intent),
            "status": .string(order.status.rawValue),
            "payment_source": sourceJSON(order, base),
            "purchase_units": .array(
                order.units.map { unit in
                    var json = unit.json
                    if json["shipping"] == nil, let payer = order.payer, order.approvedAt != nil {
                        json.set("shipping", shippingJSON(payer))
                    }
                    json.set("payments", paymentsJSON(unit, order, base))
                    return json
                }
            ),
            "payer": payerJSON(order),
            "create_time": .string(PayPalTime.utc(order.createdAt)),
            "update_time": order.updatedAt == order.createdAt && order.status != .completed
                ? nil : .string(PayPalTime.utc(order.updatedAt)),
            "links": links(order, base),
        ])
    }

    private func shippingJSON(_ payer: Buyer) -> SandboxJSON {
        .of([
            "name": .of(["full_name": .string("\(payer.givenName) \(payer.surname)")]),
            "address": .of([
                "address_line_1": "1 Main St",
                "admin_area_2": "San Jose",
                "admin_area_1": "CA",
                "postal_code": "95131",
                "country_code": .string(payer.country),
            ]),
        ])
    }

    private func payerJSON(_ order: PayPalOrder) -> SandboxJSON? {
        guard let payer = order.payer, order.source?.kind != .card else { return nil }
        return .of([
            "name": payer.name,
            "email_address": .string(payer.email),
            "payer_id": .string(payer.id),
            "address": payer.address,
        ])
    }

    private func links(_ order: PayPalOrder, _ base: String) -> SandboxJSON {
        let own = "\(base)/v2/checkout/orders/\(order.id)"
        var links = [link(own, "self", "GET")]
        switch order.status {
        case .created:
            links.append(link("\(base)/checkoutnow?token=\(order.id)", "approve", "GET"))
            links.append(link(own, "update", "PATCH"))
            links.append(link(own + "/capture", "capture", "POST"))
        case .payerActionRequired:
            links.append(link("\(base)/checkoutnow?token=\(order.id)", "payer-action", "GET"))
        case .approved:
            links.append(link(own, "update", "PATCH"))
            links.append(link(own + "/capture", "capture", "POST"))
        case .completed, .voided: break
        }
        return .array(links)
    }

    func link(_ href: String, _ rel: String, _ method: String) -> SandboxJSON {
        .of(["href": .string(href), "rel": .string(rel), "method": .string(method)])
    }

    private func paymentsJSON(_ unit: PurchaseUnit, _ order: PayPalOrder, _ base: String) -> SandboxJSON? {
        guard !unit.captures.isEmpty else { return nil }
        let refunds = unit.captures.flatMap { capture in capture.refunds.map { refundJSON($0, of: capture, base) } }
        return .of([
            "captures": .array(unit.captures.map { captureJSON($0, unit, order, base, isAlone: false) }),
            "refunds": refunds.isEmpty ? nil : .array(refunds),
        ])
    }
}

extension Substring {
    func trimming(while letter: Character) -> String {
        var text = self
        while text.first == letter { text.removeFirst() }
        while text.last == letter { text.removeLast() }
        return String(text)
    }
}
