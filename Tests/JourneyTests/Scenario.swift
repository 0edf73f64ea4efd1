import Foundation

/// A file of delivery sequences with what must be so afterwards.
struct ScenarioFile: Decodable {
    /// Item key → plan.
    var plans: [String: String]
    var scenarios: [Scenario]
}

/// One sequence of deliveries.
struct Scenario: Decodable, Sendable {
    var name: String
    /// Our clock while the last of them is handled, unix seconds.
    var now: Int
    var deliver: [Parcel]
    /// Counters begin with `_`; everything else is an address with plans.
    var expect: [String: Expectation]
    /// The status codes that are right for each of them; 200 unless said.
    var http: [Int]?
    /// Stands for the file's `plans`.
    var mapping: [String: String]?

    var clock: Date { Date(timeIntervalSince1970: TimeInterval(now)) }
}

/// A body: a file of its own, or one with some of its fields replaced.
struct Parcel: Decodable, Sendable {
    var file: String
    /// Field in PHP's brackets → value.
    var replace: [String: String]

    init(file: String, replace: [String: String]) {
        self.file = file
        self.replace = replace
    }

    init(from decoder: any Decoder) throws {
        if let file = try? decoder.singleValueContainer().decode(String.self) {
            self.file = file
            replace = [:]
        } else {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            file = try container.decode(String.self, forKey: .file)
            replace = try container.decodeIfPresent([String: String].self, forKey: .replace) ?? [:]
        }
    }

    private enum CodingKeys: String, CodingKey {
        case file, replace
    }

    /// The bytes to post.
    func body(in folder: URL) throws -> [UInt8] {
        let data = try Data(contentsOf: folder.appending(path: file))
        guard !replace.isEmpty else { return Array(data) }
        if file.hasSuffix(".json") { return Array(try replacedJSON(data)) }
        return Array(replacedForm(String(decoding: data, as: UTF8.self)).utf8)
    }

    private func replacedForm(_ form: String) -> String {
        var left = replace
        var pairs: [String] = form.split(separator: "&").map { pair in
            let key = Self.decoded(String(pair.prefix { $0 != "=" }))
            guard let value = left.removeValue(forKey: key) else { return String(pair) }
            return "\(Self.encoded(key))=\(Self.encoded(value))"
        }
        for (key, value) in left.sorted(by: { $0.key < $1.key }) {
            pairs.append("\(Self.encoded(key))=\(Self.encoded(value))")
        }
        return pairs.joined(separator: "&")
    }

    private func replacedJSON(_ data: Data) throws -> Data {
        var root = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        for (key, value) in replace {
            let path = key.split(whereSeparator: { $0 == "[" || $0 == "]" }).map(String.init)
            root = Self.replacing(path[...], in: root, with: value)
        }
        return try JSONSerialization.data(withJSONObject: root, options: [.sortedKeys])
    }

    private static func replacing(_ path: ArraySlice<String>, in map: [String: Any], with value: String) -> [String:
        Any]
    {
        guard let key = path.first else { return map }
        var map = map
        let rest = path.dropFirst()
        map[key] = rest.isEmpty ? value : replacing(rest, in: map[key] as? [String: Any] ?? [:], with: value)
        return map
    }

    private static func decoded(_ text: String) -> String {
        text.replacing("+", with: " ").removingPercentEncoding ?? text
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}

/// A counter, or an address's plans.
enum Expectation: Decodable, Sendable {
    case count(Int)
    /// A choice that is ours to make; the text says which there are.
    case choice(String)
    case plans([String: ExpectedAccess])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self) {
            self = .count(count)
        } else if let text = try? container.decode(String.self) {
            self = .choice(text)
        } else {
            self = .plans(try container.decode([String: ExpectedAccess].self))
        }
    }
}

/// What must be so of one plan; what is not named may be anything.
struct ExpectedAccess: Decodable, Sendable {
    enum Answer: Decodable, Sendable {
        case always(Bool)
        case choice(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let answer = try? container.decode(Bool.self) {
                self = .always(answer)
            } else {
                self = .choice(try container.decode(String.self))
            }
        }
    }

    var status: String?
    var access: Answer?
    /// Unix seconds; `.some(nil)` where the file says that there must be none.
    var accessUntil: Int??
    var paidThrough: Int??

    private enum CodingKeys: String, CodingKey {
        case status, access
        case accessUntil = "access_until"
        case paidThrough = "paid_through"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        status = try container.decodeIfPresent(String.self, forKey: .status)
        access = try container.decodeIfPresent(Answer.self, forKey: .access)
        if container.contains(.accessUntil) { accessUntil = try container.decode(Int?.self, forKey: .accessUntil) }
        if container.contains(.paidThrough) { paidThrough = try container.decode(Int?.self, forKey: .paidThrough) }
    }
}

// MARK: Where they lie

extension ScenarioFile {
    private static let fixtures = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/thrivecart")

    static let events = fixtures.appending(path: "events")

    /// Our own, and every `*.json` of the folder in `SCENARIOS_DIR`, whose bodies are in that of `EVENTS_DIR`.
    static func all() throws -> [(file: String, events: URL, scenario: Scenario, plans: [String: String])] {
        var found = try load(fixtures.appending(path: "scenarios.json"), events: events)
        found += try load(fixtures.appending(path: "scenarios-rules.json"), events: events)
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["SCENARIOS_DIR"].map({ URL(filePath: $0) }) {
            let more = environment["EVENTS_DIR"].map { URL(filePath: $0) } ?? events
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            for name in names.filter({ $0.hasSuffix(".json") }).sorted() {
                found += try load(folder.appending(path: name), events: more)
            }
        }
        return found
    }

    private static func load(
        _ url: URL,
        events: URL
    ) throws -> [(file: String, events: URL, scenario: Scenario, plans: [String: String])] {
        let file = try JSONDecoder().decode(Self.self, from: try Data(contentsOf: url))
        return file.scenarios.map { (url.lastPathComponent, events, $0, $0.mapping ?? file.plans) }
    }
}
