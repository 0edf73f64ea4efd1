/// Things by their id, of which the oldest are forgotten when there are too many.
struct Shelf<Thing: Sendable>: Sendable {
    private var things: [String: Thing] = [:]
    private var ids: [String] = []
    /// Where the oldest id stands; what is before it was forgotten.
    private var oldest = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    subscript(_ id: String) -> Thing? {
        _read { yield things[id] }
        _modify { yield &things[id] }
    }

    /// Puts a new thing on the shelf; the one that had to go, if any.
    @discardableResult
    mutating func add(_ thing: Thing, id: String) -> Thing? {
        things[id] = thing
        ids.append(id)
        guard ids.count - oldest > limit else { return nil }
        defer {
            oldest += 1
            if oldest > limit {
                ids.removeFirst(oldest)
                oldest = 0
            }
        }
        return things.removeValue(forKey: ids[oldest])
    }

    var count: Int { things.count }

    /// Newest first; what was taken away is left out.
    var newestFirst: some Sequence<Thing> {
        ids[oldest...].reversed().lazy.compactMap { things[$0] }
    }
}
