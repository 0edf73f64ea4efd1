import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SandboxPages
import TestKit
import Testing

/// Debian's Chromium, used as a person uses it: it sees a page's words and presses its buttons.
///
/// Source: W3C WebDriver, as chromedriver speaks it.
struct Browser: Sendable {
    private let session: String

    /// Runs `body` with a browser of its own; not at all, and says so, where there is none on this machine.
    static func open(_ body: @Sendable (Browser) async throws -> Void) async throws {
        let programs = ["/usr/bin/chromedriver", "/usr/bin/chromium"]
        guard programs.allSatisfy(FileManager.default.isExecutableFile) else {
            return print("skipped: the packages chromium and chromium-driver are not installed")
        }
        let folder = try TestDirectory.make("browser")
        let port = try freePort()
        let address = "http://127.0.0.1:\(port)"
        let driver = try ServerProcess(
            .init(programs[0], ["--port=\(port)"], environment: ["HOME": folder], log: folder + "/log")
        )
        do {
            try await eventually {
                try await ask(.GET, address + "/status", nil)["ready"] == true
            }
            // Root may not have Chromium's own walls, and a container's shared memory is small.
            let arguments = [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server",
                "--window-size=1100,1000", "--user-data-dir=\(folder)/profile",
            ]
            let options = SandboxJSON.of([
                "binary": .string(programs[1]), "args": .array(arguments.map { .string($0) }),
            ])
            let made = try await ask(
                .POST,
                address + "/session",
                .of([
                    "capabilities": .of([
                        "alwaysMatch": .of([
                            "goog:chromeOptions": options, "goog:loggingPrefs": .of(["browser": "ALL"]),
                        ])
                    ])
                ])
            )
            let browser = Browser(session: address + "/session/" + (made["sessionId"]?.text ?? ""))
            try await body(browser)
            _ = try await ask(.DELETE, browser.session, nil)
        } catch {
            await driver.stop(within: .seconds(10))
            throw error
        }
        await driver.stop(within: .seconds(10))
    }

    // MARK: What a person does

    func visit(_ url: String) async throws {
        _ = try await Self.ask(.POST, session + "/url", .of(["url": .string(url)]))
    }

    /// Presses the first button, link or summary with these words.
    func press(_ words: String) async throws {
        let path = "//*[self::button or self::a or self::summary][contains(normalize-space(.), '\(words)')]"
        _ = try await Self.ask(.POST, try await element(path) + "/click", .object([]))
    }

    /// Puts a mark into the first box beside these words.
    func tick(_ words: String) async throws {
        let path = "//label[contains(normalize-space(.), '\(words)')]//input[@type='checkbox']"
        _ = try await Self.ask(.POST, try await element(path) + "/click", .object([]))
    }

    /// Fills a field in: of the section with this heading, by its name.
    func fill(_ name: String, under heading: String, with text: String) async throws {
        let field = try await element("//section[.//h2[contains(., '\(heading)')]]//*[@name='\(name)']")
        if try await Self.ask(.GET, field + "/name", nil).text != "select" {
            _ = try await Self.ask(.POST, field + "/clear", .object([]))
        }
        _ = try await Self.ask(.POST, field + "/value", .of(["text": .string(text)]))
    }

    // MARK: What a person sees

    /// Waits until the words can be seen on whatever page is there by then.
    func sees(_ words: String, within patience: Duration = .seconds(30)) async throws {
        do {
            try await eventually(within: patience) { try await text.contains(words) }
        } catch {
            throw Refused(description: "“\(words)” is not to be seen: \(try await text)")
        }
    }

    /// The words on the page, as far as they can be seen.
    var text: String {
        get async throws { try await Self.ask(.GET, try await element("//body") + "/text", nil).text ?? "" }
    }

    var title: String {
        get async throws { try await Self.ask(.GET, session + "/title", nil).text ?? "" }
    }

    /// How much wider than the window the page is.
    var overflow: Int {
        get async throws {
            let script = "return document.documentElement.scrollWidth - window.innerWidth"
            let call = SandboxJSON.of(["script": .string(script), "args": .array([])])
            return try await Self.ask(.POST, session + "/execute/sync", call).integer ?? 0
        }
    }

    /// What the page's console complains of.
    var complaints: [String] {
        get async throws {
            let logs = try await Self.ask(.POST, session + "/se/log", .of(["type": "browser"]))
            return logs.values.compactMap { $0["message"]?.text }
        }
    }

    /// Keeps a picture in the folder that `SCREENSHOTS` names, if it names one.
    func picture(_ name: String) async throws {
        guard let folder = ProcessInfo.processInfo.environment["SCREENSHOTS"],
            let image = try await Self.ask(.GET, session + "/screenshot", nil).text,
            let bytes = Data(base64Encoded: image)
        else { return }
        try bytes.write(to: URL(filePath: "\(folder)/\(name).png"))
    }

    // MARK: The driver

    private func element(_ path: String) async throws -> String {
        let found = try await Self.ask(
            .POST,
            session + "/element",
            .of(["using": "xpath", "value": .string(path)])
        )
        // Because the standard has one member with this name.
        let id = found["element-6066-11e4-a52e-4f735466cecf"]?.text ?? ""
        return session + "/element/" + id
    }

    struct Refused: Error, CustomStringConvertible {
        var description: String
    }

    private static func ask(_ method: HTTPMethod, _ url: String, _ body: SandboxJSON?) async throws -> SandboxJSON {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let text = String(buffer: try await response.body.collect(upTo: 32 << 20))
        let value = SandboxJSON.read(text)?["value"] ?? .null
        guard response.status == .ok else {
            throw Refused(description: "\(method) \(url): \(value["message"]?.text ?? text)")
        }
        return value
    }
}
