import Foundation

enum IngressPublication {
    static func publish(at desk: Desk, _ now: Date) async throws {}
}
