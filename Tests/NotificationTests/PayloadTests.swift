import Domain
import Foundation
import Jobs
import NotificationJobs
import Store
import Testing

@Suite struct `The payload of a round` {
    static let text = #"{"endpoint":"019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02"}"#
    /// Of a delivery alone; may wait in queues yet.
    static let first =
        #"{"delivery":"019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d01","endpoint":"019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02","turn":7}"#

    @Test func `is this JSON, which waits in queues already`() throws {
        let job = try DeliverMessages(payload: Array(Self.text.utf8), version: 2)
        #expect(job.endpoint.description == "019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02")
        #expect(String(decoding: job.payload(), as: UTF8.self) == Self.text)
        #expect(String(decoding: try JSONEncoder().encode(job), as: UTF8.self) == Self.text)
        #expect(DeliverMessages.payloadVersion == 2)
    }

    @Test func `was that of one delivery once, whose endpoint gets a round`() throws {
        let job = try DeliverMessages(payload: Array(Self.first.utf8), version: 1)
        #expect(job.endpoint.description == "019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02")
    }

    @Test func `is read in whatever way it is spelled`() throws {
        let spaced = Self.text.replacing(":", with: " : ").replacing("}", with: ",\"more\":null}")
        #expect(
            try DeliverMessages(payload: Array(spaced.utf8), version: 2).endpoint.description
                == "019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d02"
        )
        for text in ["", "{}", Self.text.replacing("4d02", with: "4d0")] {
            #expect(throws: DecodingError.self) { try DeliverMessages(payload: Array(text.utf8), version: 2) }
        }
    }
}
