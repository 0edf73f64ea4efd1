import Foundation
import TestKit

/// Python packages that judge us from outside, in an environment made once in a test process; nil where there is no way to
/// get them, and then the tests that need them say so and do nothing.
enum Python {
    static let environment = Task<String?, Never> {
        // Because without the network there is nothing to judge with.
        guard let folder = try? TestDirectory.make("venv"), (try? await run("python3", ["-m", "venv", folder])) != nil,
            (try? await run(folder + "/bin/pip", ["install", "-q", "schemathesis", "openapi-spec-validator"])) != nil
        else { return nil }
        return folder + "/bin/python"
    }

    static func explain() {
        print("skipped: schemathesis and openapi-spec-validator could not be had from PyPI")
    }
}
