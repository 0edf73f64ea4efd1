import Foundation
import TestKit
import Testing

@Suite struct `What is deployed` {
    @Test func `every line of the Procfile runs one of our programs, without a shell`() throws {
        let lines = try Project.lines("Procfile").filter { !$0.isEmpty && !$0.hasPrefix("#") }
        #expect(!lines.isEmpty)
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            let words = parts[1].split(separator: " ").map(String.init)
            #expect(try Project.programs.contains(words[0]), "\(line)")
            // Foreman runs a line with shell syntax under sh, and a signal then reaches sh alone.
            #expect(parts[1].allSatisfy { !"&|;<>$`(){}*?~=\"'".contains($0) }, "\(line)")
        }
    }

    @Test func `every service of ours in compose.yaml runs a program that the image has`() throws {
        let services = try Compose.services()
        let ours = services.filter { $0.value.contains("<<: *program") }
        #expect(Set(ours.keys).isSuperset(of: ["migrate", "ingress", "fulfillment", "sandbox"]))
        let dockerfile = try Project.text("docker/Dockerfile")
        for (name, text) in ours {
            let command = try #require(text.firstMatch(of: /command: \[([a-z-]+)/), "\(name) has no command").1
            #expect(try Project.programs.contains(String(command)), "\(name)")
            #expect(dockerfile.contains("cp ") && dockerfile.contains(" \(command) "), "the image lacks \(command)")
        }
    }

    @Test func `what serves has a health check, and secrets come as files`() throws {
        for (name, text) in try Compose.services() where !["migrate", "control"].contains(name) {
            #expect(text.contains("healthcheck:"), "\(name) has none")
        }
        let text = try Project.text("docker/compose.yaml")
        for name in ["APP_KEYS", "DATABASE_URL", "REDIS_URL", "SECRET"] {
            #expect(!text.contains("\(name):"), "\(name) is not given as a file")
        }
        let made = try Project.text("docker/secrets.sh")
        for match in text.matches(of: /file: \.\/secrets\/([a-z_]+)/) {
            #expect(made.contains("keep \(match.1)"), "docker/secrets.sh does not make \(match.1)")
        }
    }

    @Test(arguments: ["docker/compose.yaml", "docker/local/servers.sh"])
    func `Redis keeps what it has acknowledged`(file: String) throws {
        let words = try Project.text(file).replacing(/[^a-z-]+/, with: " ")
        for setting in ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction"] {
            #expect(words.contains(setting), "\(file) lacks \(setting)")
        }
    }

    @Test func `nginx takes its configuration`() throws {
        let result = try run("nginx", "-t", "-c", Project.folder.appending(path: "docker/nginx.conf").path)
        #expect(result.output.contains("syntax is ok"), "\(result.output)")
    }

    @Test(arguments: [
        "docker/local/up", "docker/local/test", "docker/secrets.sh", ".ci/run", "docker/local/say.sh",
        "docker/local/packages.sh", "docker/local/toolchain.sh", "docker/local/settings.sh",
        "docker/local/processes.sh", "docker/local/servers.sh",
        "docker/local/purchase.sh",
    ])
    func `the scripts can be read by their shell`(file: String) throws {
        let path = Project.folder.appending(path: file).path
        #expect(try run("bash", "-n", path).status == 0)
        #expect(
            FileManager.default.isExecutableFile(atPath: path) == !["docker/local"].contains {
                file.hasPrefix($0) && file.hasSuffix(".sh")
            }
        )
    }

    @Test func `up says how it is used, and refuses what it does not know`() throws {
        let up = Project.folder.appending(path: "docker/local/up").path
        let help = try run("bash", up, "--help")
        #expect(help.status == 0)
        #expect(help.output.contains("--once"))
        #expect(try run("bash", up, "--twice").status == 64)
    }

    private func run(_ command: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Debian keeps nginx where only root looks for it.
        process.arguments = ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin"] + command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

/// compose.yaml as far as these tests look into it: the text of each service.
private enum Compose {
    static func services() throws -> [String: String] {
        var services: [String: String] = [:]
        var isInside = false
        var name: String?
        for line in try Project.lines("docker/compose.yaml") {
            if let top = line.first, top != " ", top != "#" { isInside = line == "services:" }
            guard isInside else { continue }
            if let match = line.wholeMatch(of: /\ \ ([a-z-]+):/) { name = String(match.1) }
            if let name { services[name, default: ""] += line + "\n" }
        }
        return services
    }
}
