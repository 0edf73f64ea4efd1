import Domain
import Foundation
import Jobs
import NotificationJobs
import Store
import Testing

@Suite struct `The payload of a delivery` {
    static let text =
        #"{"delivery":"019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d01","endpoint":"019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02","turn":7}"#

    @Test func `is this JSON, which waits in queues already`() throws {
        let job = try DeliverMessage(payload: Array(Self.text.utf8), version: 1)
        #expect(job.turn == 7)
        #expect(job.delivery.description == "019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d01")
        #expect(job.endpoint.description == "019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02")
        #expect(String(decoding: job.payload(), as: UTF8.self) == Self.text)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(job), as: UTF8.self) == Self.text)
    }

    @Test func `is read in whatever way it is spelled`() throws {
        let spaced = Self.text.replacing(",", with: ", ").replacing("7}", with: "7,\"more\":null}")
        #expect(try DeliverMessage(payload: Array(spaced.utf8), version: 1).turn == 7)
        for text in ["", "{}", Self.text.replacing(":7", with: ":7.5"), Self.text.replacing("4d01", with: "4d0")] {
            #expect(throws: DecodingError.self) { try DeliverMessage(payload: Array(text.utf8), version: 1) }
        }
    }
}
