internal import Foundation

/// PayPal's memory of request ids: the first result of an id is the answer to everything that comes with it later,
/// whatever its body says.
///
/// The answer is made anew of what the id led to, so it shows the latest state.
struct RequestMemory: Sendable {
    enum Result: Sendable {
        case order(String)
        case refund(String)
        case setupToken(String)
        case paymentToken(String)
    }

    private struct Memory {
        var until: Date
        var result: Result
    }

    private var memories: Shelf<Memory>

    init(limit: Int) {
        memories = Shelf(limit: limit)
    }

    /// Of one caller, one call and, where the call has one, one resource.
    static func key(_ ask: PayPalAsk) -> String? {
        guard ask.call.memory != nil, let id = ask.requestID else { return nil }
        return "\(ask.client) \(ask.call.rawValue) \(ask.id) \(id)"
    }

    func result(_ ask: PayPalAsk, at now: Date) -> Result? {
        guard let key = Self.key(ask), let memory = memories[key], memory.until > now else { return nil }
        return memory.result
    }

    mutating func keep(_ result: Result, of ask: PayPalAsk, at now: Date) {
        guard let key = Self.key(ask), let seconds = ask.call.memory else { return }
        memories.add(Memory(until: now.addingTimeInterval(seconds), result: result), id: key)
    }
}
