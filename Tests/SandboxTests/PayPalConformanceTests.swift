import Foundation
import NIOHTTP1
import SandboxKit
import SandboxPages
import TestKit
import Testing

/// Every answer and every event of the pretended PayPal against PayPal's own OpenAPI documents.
///
/// They are not part of this project. `PAYPAL_OPENAPI` names a folder that has them (in any depth); Python's jsonschema
/// judges. Without one of the two nothing is judged, and that is said.
@Suite struct `Answers of the pretended PayPal` {
    @Test func `every route answers as PayPal's OpenAPI says`() async throws {
        let tape = Tape()
        try await withPayPal { paypal in
            try await paypal.playEverything(on: tape)
            let counts = try await paypal.ask(.GET, "/_sandbox/requests").json["counts"]
            #expect(counts?.members.filter { $0.value.integer == 0 }.map(\.name) == [])
        }
        #expect(await tape.answers.count > 100)
        try await judge(await tape.text)
    }

    private func judge(_ tape: String) async throws {
        guard let folder = ProcessInfo.processInfo.environment["PAYPAL_OPENAPI"] else {
            print("not judged: PAYPAL_OPENAPI names no folder with PayPal's OpenAPI documents")
            return
        }
        guard (try? await run("python3", ["-c", "import jsonschema"])) != nil else {
            print("not judged: python3 has no jsonschema")
            return
        }
        let place = try TestDirectory.make("conformance")
        try tape.write(toFile: place + "/tape", atomically: true, encoding: .utf8)
        try Self.judgeScript.write(toFile: place + "/judge.py", atomically: true, encoding: .utf8)
        let verdict = try await run("python3", ["-W", "ignore", place + "/judge.py", folder, place + "/tape"])
        #expect(verdict.contains("0 flaws"), "\(verdict)")
    }

    /// Wordings are left out, because PayPal's own differ from its documents; so are capabilities it has but does not list.
    private static let judgeScript = #"""
        import glob, json, re, sys
        from jsonschema import Draft4Validator, RefResolver

        specs = [json.load(open(name)) for name in sorted(glob.glob(sys.argv[1] + "/**/*.json", recursive=True), reverse=True)]
        specs = [spec for spec in specs if "paths" in spec]

        def schema(method, path, status):
            for spec in specs:
                for template, operations in spec["paths"].items():
                    if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path) and method in operations:
                        answers = operations[method]["responses"]
                        answer = answers.get(status)
                        if answer is None and int(status) < 400: answer = answers.get("201" if status == "200" else "200")
                        answer = answer or answers.get("default") or {}
                        if "$ref" in answer: answer = spec["components"]["responses"][answer["$ref"].split("/")[-1]]
                        return spec, answer.get("content", {}).get("application/json", {}).get("schema")
            return None, None

        def named(name):
            for spec in specs:
                if name in spec["components"]["schemas"] and spec["components"]["schemas"][name].get("properties", 1): return spec, {"$ref": "#/components/schemas/" + name}

        def is_wording(error):
            if error.validator == "enum" and error.absolute_path and error.absolute_path[-1] in ("description", "message"): return True
            if error.validator == "anyOf" or error.validator == "oneOf":
                # One of the alternatives has nothing against it but the wording.
                groups = {}
                for part in error.context: groups.setdefault(part.schema_path[0], []).append(part)
                return any(all(is_wording(part) for part in parts) for parts in groups.values())
            return False

        def flaws(spec, schema, value):
            for error in Draft4Validator(schema, resolver=RefResolver("", spec)).iter_errors(value):
                if is_wording(error): continue
                if error.validator == "enum" and "capabilities" in error.absolute_path: continue
                # What PayPal really answers and its documents do not say.
                if error.validator == "minItems" and error.absolute_path and error.absolute_path[-1] == "transaction_details": continue
                if error.validator == "pattern" and str(error.instance).endswith("+0000"): continue
                if error.validator == "required" and "'debug_id'" in error.message and value.get("name", "").split("_")[0] in ("WEBHOOK", "VALIDATION", "INVALID"): continue
                if not error.absolute_path and isinstance(value, dict) and value.get("name") == "RATE_LIMIT_REACHED": continue
                yield "/".join(map(str, error.absolute_path)) + ": " + error.message[:300]

        resources = {"capture": "capture", "refund": "refund", "checkout-order": "order", "dispute": "dispute", "payment_token": "payment_token_response"}
        count = judged = 0
        for line in open(sys.argv[2]):
            entry = json.loads(line)
            if entry["kind"] == "event":
                spec = [spec for spec in specs if "event" in spec["components"]["schemas"]][0]
                found = list(flaws(spec, {"$ref": "#/components/schemas/event"}, entry["body"]))
                kind = resources.get(entry["body"].get("resource_type"))
                if kind and "DELETED" not in entry["body"]["event_type"]:
                    spec = [spec for spec in specs if kind in spec["components"]["schemas"] and (kind != "capture" and kind != "refund" or "/v2/payments/captures/{capture_id}" in spec["paths"])][0]
                    found += list(flaws(spec, {"$ref": "#/components/schemas/" + kind}, entry["body"]["resource"]))
                name = entry["body"]["event_type"]
            else:
                spec, wanted = schema(entry["method"].lower(), entry["path"], str(entry["status"]))
                name = "%s %s %s" % (entry["method"], entry["path"], entry["status"])
                if wanted is None:
                    if entry["body"] is not None: print("no schema:", name)
                    continue
                found = list(flaws(spec, wanted, entry["body"]))
            judged += 1
            for flaw in found:
                count += 1
                print(name, flaw)
        print("%d judged, %d flaws" % (judged, count))
        """#
}

/// What was answered, a line each.
actor Tape {
    private(set) var answers: [String] = []

    func add(_ method: HTTPMethod, _ path: String, _ answer: RunningPayPal.Answer) {
        let plain = path.prefix { $0 != "?" }
        let body = answer.text.isEmpty ? "null" : answer.text
        answers.append(
            #"{"kind":"answer","method":"\#(method.rawValue)","path":"\#(plain)","status":\#(answer.status),"body":\#(body)}"#
        )
    }

    func add(event: String) {
        answers.append(#"{"kind":"event","body":\#(event)}"#)
    }

    var text: String { answers.joined(separator: "\n") }
}
