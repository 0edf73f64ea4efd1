import Domain
import Foundation
import Testing

@testable import NotificationJobs

@Suite struct `What a round has seen` {
    @Test func `is all that was made before it looked, at its endpoint, by this process`() {
        let sightings = Sightings()
        let (endpoint, other) = (Endpoint.ID.new(at: Date()), Endpoint.ID.new(at: Date()))
        let early = sightings.mark()
        let look = sightings.now()
        let late = sightings.mark()
        #expect(!sightings.hasSeen(early, at: endpoint))
        sightings.saw(endpoint, since: look)
        #expect(sightings.hasSeen(early, at: endpoint))
        #expect(!sightings.hasSeen(late, at: endpoint))
        #expect(!sightings.hasSeen(early, at: other))
        #expect(!Sightings().hasSeen(early, at: endpoint))
    }
}
