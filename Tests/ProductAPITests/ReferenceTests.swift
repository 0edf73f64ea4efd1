import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `The reference` {
    /// The operations of `openapi.yaml`, by its indentation.
    static var documented: Set<ListedRoute> {
        var found: Set<ListedRoute> = []
        var path: String?
        for line in String(decoding: Reference.openAPI, as: UTF8.self).split(separator: "\n") {
            if let match = line.wholeMatch(of: #/  (/\S*):/#) {
                path = String(match.1)
            } else if let match = line.wholeMatch(of: #/    (get|post|put|patch|delete):/#), let path {
                found.insert(ListedRoute(method: match.1.uppercased(), path: path))
            } else if line.prefix(1) != " " {
                path = nil
            }
        }
        return found
    }

    @Test func `lists each route of the router, and no other`() async throws {
        try await withAPI { api in
            let routes = Set(api.routeList)
            #expect(routes.count > 20)
            #expect(Self.documented.symmetricDifference(routes).isEmpty)
        }
    }

    @Test func `is served with a page that needs nothing from elsewhere`() async throws {
        try await withAPI { api in
            let page = try await api.call(.GET, "/docs")
            #expect(page.status == 200)
            #expect(page.headers.first(name: "content-type")?.hasPrefix("text/html") == true)
            #expect(page.headers.first(name: "content-security-policy")?.contains("default-src 'none'") == true)
            for path in ["/docs/page.js", "/docs/page.css", "/openapi.yaml"] {
                let file = try await api.call(.GET, path)
                #expect(file.status == 200 && !file.text.isEmpty)
            }
            for text in [page.text, try await api.call(.GET, "/docs/page.js").text] {
                #expect(!text.contains("//cdn") && !text.contains("https://"))
            }
        }
    }

    @Test func `is good OpenAPI 3_1`() async throws {
        guard let python = await Python.environment.value else { return Python.explain() }
        let folder = try TestDirectory.make("openapi")
        let file = folder + "/openapi.yaml"
        try Data(Reference.openAPI).write(to: URL(filePath: file))
        _ = try await run(python, ["-m", "openapi_spec_validator", file])
    }

    /// Schemathesis asks everything that the document allows, and much that it doesn't.
    @Test func `says the truth about each status and body, whatever is asked`() async throws {
        guard let python = await Python.environment.value else { return Python.explain() }
        try await withAPI { api in
            let merchant = try await api.connect()
            let folder = try TestDirectory.make("schemathesis")
            // Because a 503 is what the document promises where PayPal refuses, and here PayPal refuses what is random.
            let config = """
                [checks.not_a_server_error]
                expected-statuses = ["2xx", "3xx", "4xx", "502", "503"]
                """
            try Data(config.utf8).write(to: URL(filePath: folder + "/schemathesis.toml"))
            let st = python.replacing("/bin/python", with: "/bin/st")
            _ = try await run(
                st,
                [
                    "--config-file", folder + "/schemathesis.toml", "run", api.address + "/openapi.yaml", "--url",
                    api.address, "--header", "Authorization: Bearer " + merchant.bearer, "--exclude-operation-id",
                    "disconnectMerchant", "--exclude-operation-id", "testWebhook", "--phases",
                    "examples,coverage,fuzzing",
                    "--checks",
                    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
                    "--max-examples", "8", "--suppress-health-check", "all", "--generation-database", "none", "--seed",
                    "7",
                    "--no-color",
                ],
                in: folder
            )
            #expect(try await api.call(.GET, "/merchant", bearer: merchant.bearer).status == 200)
        }
    }
}
