import Foundation
import Jobs
import Testing

enum WallClock {
    static let berlin = TimeZone(identifier: "Europe/Berlin") ?? .gmt
    static let lordHowe = TimeZone(identifier: "Australia/Lord_Howe") ?? .gmt

    /// `2026-03-29 02:30 +01:00` and the like; without an offset, UTC.
    static func date(_ text: String) throws -> Date {
        let words = text.split(separator: " ")
        let zone = words.count > 2 ? words[2] : "Z"
        return try Date("\(words[0])T\(words[1]):00\(zone)", strategy: .iso8601)
    }
}

@Suite struct `Cron expressions` {
    static func fires(_ expression: String, after: String, in zone: TimeZone = .gmt, _ count: Int = 1) throws -> [Date] {
        let cron = try #require(CronExpression(expression))
        var fires: [Date] = []
        var last = try WallClock.date(after)
        for _ in 0..<count {
            last = try #require(cron.next(after: last, in: zone))
            fires.append(last)
        }
        return fires
    }

    @Test(arguments: [
        ("* * * * *", "2026-01-01 12:00", "2026-01-01 12:01"),
        ("0 3 * * *", "2026-01-01 03:00", "2026-01-02 03:00"),
        ("0 3 * * *", "2026-01-01 02:59", "2026-01-01 03:00"),
        ("*/15 * * * *", "2026-01-01 12:46", "2026-01-01 13:00"),
        ("5/20 * * * *", "2026-01-01 12:26", "2026-01-01 12:45"),
        ("0 9-17/4 * * *", "2026-01-01 13:00", "2026-01-01 17:00"),
        ("0 0 31 * *", "2026-01-31 00:00", "2026-03-31 00:00"),
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 * * mon", "2026-01-01 00:00", "2026-01-05 00:00"),
        ("0 0 * * 7", "2026-01-01 00:00", "2026-01-04 00:00"),
        ("0 0 * * MON-FRI", "2026-01-02 00:00", "2026-01-05 00:00"),
        ("0 0 13 * 5", "2026-01-01 00:00", "2026-01-02 00:00"),
        ("0 0 13 * 5", "2026-01-09 00:00", "2026-01-13 00:00"),
        ("0 0 1 JAN,jul *", "2026-01-02 00:00", "2026-07-01 00:00"),
        ("@hourly", "2026-12-31 23:00", "2027-01-01 00:00"),
        ("@yearly", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("59 23 31 12 *", "1969-12-30 00:00", "1969-12-31 23:59"),
    ])
    func `the next fire`(expression: String, after: String, next: String) throws {
        #expect(try Self.fires(expression, after: after) == [WallClock.date(next)])
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-3 * * * *",
        "*/0 * * * *", "a * * * *", "1,,2 * * * *", "-1 * * * *", "+1 * * * *", "* * * feb-jan *", "0 0 30 2 *", "@never",
        "*/99999999999999999999 * * * *", "1- * * * *",
    ])
    func `what is no expression, or never fires, is refused`(text: String) {
        #expect(CronExpression(text) == nil)
    }

    @Test func `a time that the clock skips fires once, as long after midnight`() throws {
        // Berlin, 29 March 2026: 02:00 becomes 03:00.
        let fires = try Self.fires("30 2 * * *", after: "2026-03-28 00:00", in: WallClock.berlin, 3)
        #expect(
            fires
                == [
                    try WallClock.date("2026-03-28 02:30 +01:00"), try WallClock.date("2026-03-29 03:30 +02:00"),
                    try WallClock.date("2026-03-30 02:30 +02:00"),
                ]
        )
    }

    @Test func `a time that comes twice fires the first time`() throws {
        // Berlin, 25 October 2026: 03:00 becomes 02:00.
        let fires = try Self.fires("30 2 * * *", after: "2026-10-24 12:00", in: WallClock.berlin, 2)
        #expect(fires == [try WallClock.date("2026-10-25 02:30 +02:00"), try WallClock.date("2026-10-26 02:30 +01:00")])
    }

    @Test func `every hour is every hour that passes`() throws {
        let spring = try Self.fires("30 * * * *", after: "2026-03-29 00:00", in: WallClock.berlin, 3)
        #expect(spring == (0..<3).map { Date(timeInterval: TimeInterval(1800 + 3600 * $0), since: spring[0] - 1800) })
        let autumn = try Self.fires("30 * * * *", after: "2026-10-24 22:00", in: WallClock.berlin, 6)
        for (one, next) in zip(autumn, autumn.dropFirst()) { #expect(next.timeIntervalSince(one) == 3600) }
        // Half an hour of daylight saving.
        let island = try Self.fires("*/30 * * * *", after: "2026-04-04 12:00", in: WallClock.lordHowe, 10)
        for (one, next) in zip(island, island.dropFirst()) { #expect(next.timeIntervalSince(one) == 1800) }
    }

    @Test func `midnight comes where daylight saving begins at midnight`() throws {
        // Santiago, 6 September 2026: 00:00 becomes 01:00.
        let santiago = try #require(TimeZone(identifier: "America/Santiago"))
        let fires = try Self.fires("0 0 * * *", after: "2026-09-05 12:00", in: santiago, 2)
        #expect(fires == [try WallClock.date("2026-09-06 01:00 -03:00"), try WallClock.date("2026-09-07 00:00 -03:00")])
    }

    @Test func `it agrees with Foundation's calendar over ten years`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = WallClock.berlin
        let cron = try #require(CronExpression("15 4 1,15 * *"))
        var last = try WallClock.date("2026-01-01 00:00")
        for _ in 0..<240 {
            let next = try #require(cron.next(after: last, in: WallClock.berlin))
            let parts = calendar.dateComponents([.minute, .hour, .day], from: next)
            #expect(parts.minute == 15 && parts.hour == 4 && [1, 15].contains(parts.day))
            #expect(next > last && next.timeIntervalSince(last) < 18 * 86_400)
            last = next
        }
    }
}
