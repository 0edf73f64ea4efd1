package import Foundation

/// Five fields as in crontab(5): minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).
///
/// Lists, ranges, steps, English three-letter names, and `@hourly @daily @weekly @monthly @yearly`. When both days are
/// restricted, either suffices. Times are those of a wall clock: one that daylight saving skips fires as long after
/// midnight as it would have, one that comes twice fires the first time; but with `*` in the hour field every hour that
/// passes counts, skipped ones not and repeated ones twice.
package struct CronExpression: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private var minutes, hours, days, months, weekdays: Set<Int>
    private var everyHour, anyDay, anyWeekday: Bool

    /// Nil when the text is no cron expression, or names a day that never comes.
    package init?(_ text: String) {
        let names = [
            "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
            "@yearly": "0 0 1 1 *",
        ]
        let fields = (names[text] ?? text).split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5,
            let minutes = Self.values(fields[0], 0...59),
            let hours = Self.values(fields[1], 0...23),
            let days = Self.values(fields[2], 1...31),
            let months = Self.values(fields[3], 1...12, Self.monthNames, first: 1),
            let weekdays = Self.values(fields[4], 0...7, Self.dayNames, first: 0)
        else { return nil }
        description = text
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.weekdays = Set(weekdays.map { $0 % 7 })
        everyHour = fields[1].hasPrefix("*")
        anyDay = fields[2].hasPrefix("*")
        anyWeekday = fields[4].hasPrefix("*")
        guard next(after: Date(timeIntervalSince1970: 946_684_800), in: .gmt) != nil else { return nil }
    }

    /// The first fire after `date`, by the clocks of `zone`.
    package func next(after date: Date, in zone: TimeZone) -> Date? {
        // Because dates outside of a few thousand years have no business here and would overflow.
        guard abs(date.timeIntervalSince1970) < 1e11 else { return nil }
        let now = Int(date.timeIntervalSince1970.rounded(.down))
        let firstDay = (now + zone.offset(at: now)).dividedDown(by: 86_400)
        // February 29th can be eight years away.
        for day in firstDay...(firstDay + 3_290) where matches(day: day) {
            if let fire = everyHour ? running(through: day, after: now, zone) : fixed(on: day, after: now, zone) {
                return Date(timeIntervalSince1970: TimeInterval(fire))
            }
        }
        return nil
    }

    /// By the wall clock's readings.
    private func fixed(on day: Int, after now: Int, _ zone: TimeZone) -> Int? {
        for hour in hours.sorted() {
            for minute in minutes.sorted() {
                let fire = zone.instant(of: day * 86_400 + hour * 3600 + minute * 60)
                if fire > now { return fire }
            }
        }
        return nil
    }

    /// Minute by minute as time passes.
    private func running(through day: Int, after now: Int, _ zone: TimeZone) -> Int? {
        let start = zone.instant(of: day * 86_400)
        var instant = max(start, (now.dividedDown(by: 60) + 1) * 60)
        while true {
            let local = instant + zone.offset(at: instant)
            guard local.dividedDown(by: 86_400) == day else { return nil }
            let hour = local.remainder(by: 86_400) / 3600
            if hours.contains(hour), minutes.contains(local.remainder(by: 3600) / 60) { return instant }
            instant += 60
        }
    }

    /// `day` counts from 1970-01-01, a Thursday.
    private func matches(day: Int) -> Bool {
        let (month, dayOfMonth) = Self.civil(day)
        guard months.contains(month) else { return false }
        let isDay = days.contains(dayOfMonth)
        let isWeekday = weekdays.contains((day + 4).remainder(by: 7))
        return anyDay || anyWeekday ? isDay && isWeekday : isDay || isWeekday
    }

    /// Month and day of the Gregorian calendar, by counting eras of 400 years that begin in March.
    private static func civil(_ day: Int) -> (month: Int, day: Int) {
        let shifted = day + 719_468
        let dayOfEra = shifted.remainder(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        return (march < 10 ? march + 3 : march - 9, dayOfYear - (153 * march + 2) / 5 + 1)
    }

    // MARK: Reading a field

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    private static func values(
        _ field: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String] = [],
        first: Int = 0
    ) -> Set<Int>? {
        func number(_ text: Substring) -> Int? {
            let value = names.firstIndex(of: text.lowercased()).map { $0 + first } ?? Int(text)
            return value.flatMap { range.contains($0) && !text.hasPrefix("+") ? $0 : nil }
        }
        var values: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let span = halves.first else { return nil }
            var step = 1
            if halves.count == 2 {
                guard let given = Int(halves[1]), (1...range.upperBound + 1).contains(given) else { return nil }
                step = given
            }
            let bounds = span.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let (from, to): (Int, Int)
            if span == "*" {
                (from, to) = (range.lowerBound, range.upperBound)
            } else if bounds.count == 2, let low = number(bounds[0]), let high = number(bounds[1]), low <= high {
                (from, to) = (low, high)
            } else if let single = number(span) {
                (from, to) = (single, halves.count == 2 ? range.upperBound : single)
            } else {
                return nil
            }
            values.formUnion(stride(from: from, through: to, by: step))
        }
        return values.isEmpty ? nil : values
    }
}

extension TimeZone {
    fileprivate func offset(at instant: Int) -> Int {
        secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant)))
    }

    /// The instant at which clocks show `local` (seconds of a clock that never moves): the first where there are two; where
    /// there is none, by the offset that held before.
    fileprivate func instant(of local: Int) -> Int {
        let before = offset(at: local - 86_400), after = offset(at: local + 86_400)
        if offset(at: local - before) == before { return local - before }
        if offset(at: local - after) == after { return local - after }
        return local - before
    }
}

extension Int {
    fileprivate func dividedDown(by divisor: Int) -> Int { (self - remainder(by: divisor)) / divisor }

    /// Never negative.
    fileprivate func remainder(by divisor: Int) -> Int {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
