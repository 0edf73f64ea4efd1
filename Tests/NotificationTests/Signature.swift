import Foundation
import Sealing
import TestKit

/// Standard Webhooks by its own words, apart from the code under test.
func signature(of request: Receiver.Request, _ timestamp: String, _ secret: [UInt8]) -> String {
    let signed = Array("\(request.id).\(timestamp).".utf8) + request.body
    return "v1," + Data(Digest.hmacSHA256(signed, key: secret)).base64EncodedString()
}
