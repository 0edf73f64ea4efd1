import Foundation
import TestKit

/// The programs that stand beside the running one.
package enum Programs {
    /// Builds those that are not there, as the running one was built: `swift run` builds only what it is told to run.
    package static func build(_ products: [String]) async throws {
        for product in products {
            let names = [product, "lib\(product).so"]
            if names.contains(where: { FileManager.default.fileExists(atPath: builtProgram($0)) }) { continue }
            // …/<scratch>/<triple>/<configuration>/
            let configuration = builtPrograms.lastPathComponent
            let scratch = builtPrograms.deletingLastPathComponent().deletingLastPathComponent().path
            FileHandle.standardError.write(Data("building \(product) …\n".utf8))
            try await run(
                "swift",
                ["build", "-c", configuration, "--scratch-path", scratch, "--product", product],
                in: URL(fileURLWithPath: scratch).deletingLastPathComponent().path
            )
        }
    }
}
