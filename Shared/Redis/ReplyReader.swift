import CHiredis
package import NIOCore

/// Makes answers of bytes as they come, in pieces of any size. hiredis parses; we only collect.
///
/// After an error the reader is of no further use: where the next answer begins is lost.
package final class ReplyReader {
    /// Arrays within arrays. hiredis 0.14 itself stops at 7, later ones nowhere.
    package static let maximumDepth = 32

    /// Nil when there was no memory for one: then the first bytes are refused, which ends the connection like any fault.
    private let reader: UnsafeMutablePointer<redisReader>?
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let collector = Collector()

    package convenience init() {
        self.init(making: redisReaderCreateWithFunctions)
    }

    /// - Parameter make: hiredis's own, but for tests.
    init(making make: (UnsafeMutablePointer<redisReplyObjectFunctions>?) -> UnsafeMutablePointer<redisReader>?) {
        functions = .allocate(capacity: 1)
        functions.initialize(to: Collector.functions)
        reader = make(functions)
        reader?.pointee.privdata = Unmanaged.passUnretained(collector).toOpaque()
    }

    deinit {
        if let reader { redisReaderFree(reader) }
        functions.deallocate()
    }

    /// Takes the bytes in; they are copied.
    package func feed(_ buffer: ByteBuffer) throws(RedisError) {
        guard let reader else { throw .connect("no memory for reading its answers") }
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == REDIS_OK else { throw failure(of: reader) }
    }

    /// The next whole answer, or nil when more bytes are needed.
    package func next() throws(RedisError) -> RedisValue? {
        guard let reader else { return nil }
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure(of: reader) }
        guard reply != nil else { return nil }
        // Because later versions of hiredis read kinds of answers that RESP2 has not, and tell the collector nothing.
        guard let value = collector.take() else { throw .protocolBroken("an unknown kind of answer") }
        return value
    }

    /// hiredis says where and with which byte it failed; never more of the answer than that.
    private func failure(of reader: UnsafeMutablePointer<redisReader>) -> RedisError {
        let text = withUnsafeBytes(of: &reader.pointee.errstr) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .protocolBroken(collector.isTooDeep ? "arrays nested too deep" : text)
    }
}

/// Is told of every element in the order of the wire, and puts arrays together.
private final class Collector {
    private struct Unfinished {
        var missing: Int
        var values: [RedisValue]
    }

    private var arrays: [Unfinished] = []
    private var whole: RedisValue?
    private(set) var isTooDeep = false

    func take() -> RedisValue? {
        defer { whole = nil }
        return whole
    }

    func add(_ value: RedisValue) {
        var value = value
        while let last = arrays.indices.last {
            arrays[last].values.append(value)
            arrays[last].missing -= 1
            guard arrays[last].missing == 0 else { return }
            value = .array(arrays.removeLast().values)
        }
        whole = value
    }

    /// False when there are too many arrays around it.
    func beginArray(of count: Int) -> Bool {
        guard count > 0 else {
            add(.array([]))
            return true
        }
        guard arrays.count < ReplyReader.maximumDepth else {
            isTooDeep = true
            return false
        }
        var values: [RedisValue] = []
        // Because the count came from outside, it does not decide how much memory is taken.
        values.reserveCapacity(min(count, 64))
        arrays.append(Unfinished(missing: count, values: values))
        return true
    }

    /// hiredis wants a pointer for every element and never looks behind it; ours says "noted".
    private static var noted: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> Collector? {
        task?.pointee.privdata.map { Unmanaged<Collector>.fromOpaque($0).takeUnretainedValue() }
    }

    static var functions: redisReplyObjectFunctions {
        var functions = redisReplyObjectFunctions()
        functions.createString = { task, start, count in
            guard let task, let collector = Collector.of(task) else { return nil }
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(count))
            switch task.pointee.type {
            case REDIS_REPLY_STATUS: collector.add(.status(String(decoding: bytes, as: UTF8.self)))
            case REDIS_REPLY_ERROR: collector.add(.error(String(decoding: bytes, as: UTF8.self)))
            default: collector.add(.bytes(Array(bytes)))
            }
            return Collector.noted
        }
        functions.createArray = { task, count in
            guard let collector = Collector.of(task), collector.beginArray(of: Int(count)) else { return nil }
            return Collector.noted
        }
        functions.createInteger = { task, number in
            guard let collector = Collector.of(task) else { return nil }
            collector.add(.int(Int(number)))
            return Collector.noted
        }
        functions.createNil = { task in
            guard let collector = Collector.of(task) else { return nil }
            collector.add(.null)
            return Collector.noted
        }
        functions.freeObject = { _ in }
        return functions
    }
}
