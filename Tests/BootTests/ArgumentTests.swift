import Foundation
import TestKit
import Testing

@Suite struct `Arguments that nothing would read` {
    @Test(arguments: [(["--help"], 0), (["--port", "9000"], 64)]) func `are told, and the process ends`(
        arguments: [String],
        status: Int
    ) async throws {
        let log = try TestDirectory.make("arguments") + "/log"
        let process = try ServerProcess(.init(builtProgram("sandbox"), arguments, log: log))
        #expect(await process.exit() == .code(Int32(status)))
        #expect(process.lastWords.hasPrefix("sandbox takes no arguments. Its settings are environment variables;"))
    }
}
