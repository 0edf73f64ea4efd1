import Foundation
import Glibc

/// Where a secret is read from: a file, standard input or a prompt; never the command line, which `ps` shows to everybody.
enum SecretSource {
    /// Reads the secret without the blanks and line ends around it, which come along where it is copied.
    ///
    /// `path` is a file's, `-` for standard input, nil for a prompt on the terminal.
    static func read(_ path: String?, prompt: String, option: String) throws(CommandProblem) -> String {
        let text =
            switch path {
            case nil: try ask(prompt, option)
            case "-": String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
            case let path?: try contents(of: path, option)
            }
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else {
            throw .failure("the secret is empty", fix: "\(option) FILE, where FILE holds the secret on its first line")
        }
        guard secret.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), secret.utf8.count <= 512 else {
            throw .failure(
                "the secret must be one line of at most 512 bytes without control characters",
                fix: "\(option) FILE, where FILE holds nothing but the secret"
            )
        }
        return secret
    }

    private static func contents(of path: String, _ option: String) throws(CommandProblem) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .failure(
                "can't read \(path)",
                fix: "\(option) with a file that this user may read, or - for standard input"
            )
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Asks on the terminal, which does not show what is typed and is left as it was, Ctrl-C or not.
    private static func ask(_ prompt: String, _ option: String) throws(CommandProblem) -> String {
        guard isatty(STDIN_FILENO) == 1, let typed = getpass(prompt + ": ") else {
            throw .usage("the secret is missing", fix: "\(option) FILE, or \(option) - to read it from standard input")
        }
        return String(cString: typed)
    }
}
