/// Reads `multipart/form-data`: named fields only, with PHP's brackets in their names.
///
/// The boundary is the body's first line, since the header that names it is not trusted. A file is refused.
/// Source: RFC 7578; the seller's help page calls the posts "multipart form values" in one place.
enum MultipartParser {
    private static let maximumHeaderSize = 1_024

    /// Whether the body opens with a boundary line and a part's header, which no form does.
    static func recognizes(_ body: [UInt8]) -> Bool {
        guard let boundary = boundary(of: body) else { return false }
        let rest = body[boundary.count...]
        if rest.starts(with: "--".utf8) { return true }
        return rest.prefix(maximumHeaderSize).lines.contains { $0.lowercasedASCII.hasPrefix("content-disposition:") }
    }

    /// Fills the tree; answers where the parts with the secret are, each with the boundary before it.
    static func parse(_ body: [UInt8], into tree: inout PayloadTree) throws(ThriveCartError) -> [Range<Int>] {
        guard let boundary = boundary(of: body) else { throw .malformedMultipart }
        let mark = Array(boundary)
        var secrets: [Range<Int>] = []
        var name = FieldName()
        var fields = 0
        var start = 0
        while true {
            // `start` is at a boundary: two hyphens after it end the body, a line end begins a part.
            let opened = start + mark.count
            if body[opened...].starts(with: "--".utf8) {
                // Because what came after the end would be stored unread.
                guard body[(opened + 2)...].allSatisfy(\.isBlank) else { throw .malformedMultipart }
                return secrets
            }
            guard let content = body.endOfLine(at: opened) else { throw .malformedMultipart }
            guard let end = body.firstBoundary(mark, from: content) else { throw .malformedMultipart }
            fields += 1
            guard fields <= ThriveCartBody.maximumFields else { throw .tooManyFields }

            let (fieldName, valueStart) = try header(of: body, from: content, to: end)
            let nameStart = tree.bytes.count
            tree.bytes += fieldName
            do {
                let range = nameStart..<tree.bytes.count
                var bytes = tree.bytes.mutableSpan
                try name.split(&bytes, range)
            }
            let valueEnd = body.trimmingLineEnd(before: end, notBefore: valueStart)
            if name.isSecret { secrets.append(start..<end) }
            if !name.parts.isEmpty, let place = tree.place(name) { tree.setText(place, valueStart..<valueEnd) }
            start = end
        }
    }

    /// `--` and the boundary, as the first line has it: 1 to 70 printable characters. Source: RFC 2046, 5.1.1.
    private static func boundary(of body: [UInt8]) -> ArraySlice<UInt8>? {
        guard body.starts(with: "--".utf8) else { return nil }
        var line = body.prefix(74).prefix { $0 != 0x0D && $0 != 0x0A }
        if line.count > 4, line.suffix(2).elementsEqual("--".utf8), line.count == body.prefix(76).lines.first?.count {
            // Because a body without parts is only the closing boundary.
            if body[line.endIndex...].allSatisfy(\.isBlank) { line = line.dropLast(2) }
        }
        guard (3...72).contains(line.count), line.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        return line
    }

    /// The field's name, and where its value begins: after the first empty line.
    private static func header(
        of body: [UInt8],
        from start: Int,
        to end: Int
    ) throws(ThriveCartError) -> (name: [UInt8], value: Int) {
        var name: [UInt8]?
        var line = start
        while line < end, line - start <= maximumHeaderSize {
            guard let next = body.endOfLine(after: line, before: end) else { throw .malformedMultipart }
            let text = body[line..<next].trimmedLine
            if text.isEmpty {
                guard let name else { throw .malformedMultipart }
                return (name, next)
            }
            let lowered = text.lowercasedASCII
            if lowered.hasPrefix("content-disposition:") {
                guard name == nil else { throw .malformedMultipart }
                let parameters = parameters(of: text)
                guard parameters["filename"] == nil, parameters["filename*"] == nil else { throw .fileUploaded }
                name = parameters["name"]
            } else if lowered.hasPrefix("content-transfer-encoding:") {
                guard lowered.hasSuffix("8bit") || lowered.hasSuffix("7bit") || lowered.hasSuffix("binary") else {
                    throw .malformedMultipart
                }
            }
            line = next
        }
        throw .malformedMultipart
    }

    /// The `name="value"` pairs of a header, names lower case; a backslash in quotes takes the next byte as it is.
    private static func parameters(of line: ArraySlice<UInt8>) -> [String: [UInt8]] {
        var parameters: [String: [UInt8]] = [:]
        var index = line.firstIndex(of: UInt8(ascii: ";")) ?? line.endIndex
        while index < line.endIndex {
            index += 1
            let nameEnd = line[index...].firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ";") }
            guard let nameEnd else { return parameters }
            let name = line[index..<nameEnd].trimmedLine.lowercasedASCII
            index = nameEnd
            guard line[index] == UInt8(ascii: "=") else { continue }
            index += 1
            var value: [UInt8] = []
            if index < line.endIndex, line[index] == UInt8(ascii: "\"") {
                index += 1
                while index < line.endIndex, line[index] != UInt8(ascii: "\"") {
                    if line[index] == UInt8(ascii: "\\"), index + 1 < line.endIndex { index += 1 }
                    value.append(line[index])
                    index += 1
                }
                index = line[min(index, line.endIndex)...].firstIndex(of: UInt8(ascii: ";")) ?? line.endIndex
            } else {
                let end = line[index...].firstIndex(of: UInt8(ascii: ";")) ?? line.endIndex
                value = Array(line[index..<end].trimmedLine)
                index = end
            }
            if parameters[name] == nil { parameters[name] = value }
        }
        return parameters
    }
}

// MARK: Lines of bytes

extension ArraySlice<UInt8> {
    fileprivate var lowercasedASCII: String {
        String(decoding: map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }, as: UTF8.self)
    }

    /// Without blanks and line ends around it.
    fileprivate var trimmedLine: Self {
        guard let first = firstIndex(where: { !$0.isBlank }), let last = lastIndex(where: { !$0.isBlank }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }

    fileprivate var lines: [Self] { split { $0 == 0x0A || $0 == 0x0D } }
}

extension [UInt8] {
    /// Where the next line begins, if only blanks and a line end stand at `index`.
    fileprivate func endOfLine(at index: Int) -> Int? {
        guard let end = self[index...].firstIndex(of: 0x0A), self[index..<end].allSatisfy(\.isBlank) else { return nil }
        return end + 1
    }

    /// Where the line that begins at `index` has its next one.
    fileprivate func endOfLine(after index: Int, before end: Int) -> Int? {
        self[index..<end].firstIndex(of: 0x0A).map { $0 + 1 }
    }

    /// Where the next boundary is that begins a line.
    fileprivate func firstBoundary(_ boundary: [UInt8], from start: Int) -> Int? {
        var index = start
        while let found = self[index...].firstIndex(of: UInt8(ascii: "-")) {
            if found > 0, self[found - 1] == 0x0A, self[found...].starts(with: boundary) { return found }
            index = found + 1
        }
        return nil
    }

    /// The end of a value: one line end belongs to the boundary after it.
    fileprivate func trimmingLineEnd(before end: Int, notBefore start: Int) -> Int {
        guard end > start, self[end - 1] == 0x0A else { return end }
        return end - 1 > start && self[end - 2] == 0x0D ? end - 2 : end - 1
    }
}
