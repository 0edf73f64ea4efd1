package import Foundation

// MARK: Truth and numbers

extension Bool: PostgresValue {
    package static var postgresType: PostgresType { .bool }

    package func encode(into bytes: inout [UInt8]) {
        bytes.append(self ? 1 : 0)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        self = try cell.bytes(of: .bool).first != 0
    }
}

extension Int16: PostgresValue {
    package static var postgresType: PostgresType { .int2 }
    package func encode(into bytes: inout [UInt8]) { bytes.append(bigEndian: self) }
    package init(from cell: PostgresCell) throws(PostgresValueError) { self = try cell.integer() }
}

extension Int32: PostgresValue {
    package static var postgresType: PostgresType { .int4 }
    package func encode(into bytes: inout [UInt8]) { bytes.append(bigEndian: self) }
    package init(from cell: PostgresCell) throws(PostgresValueError) { self = try cell.integer() }
}

extension Int64: PostgresValue {
    package static var postgresType: PostgresType { .int8 }
    package func encode(into bytes: inout [UInt8]) { bytes.append(bigEndian: self) }
    package init(from cell: PostgresCell) throws(PostgresValueError) { self = try cell.integer() }
}

extension Int: PostgresValue {
    package static var postgresType: PostgresType { .int8 }
    package func encode(into bytes: inout [UInt8]) { bytes.append(bigEndian: Int64(self)) }
    package init(from cell: PostgresCell) throws(PostgresValueError) { self = try cell.integer() }
}

extension Double: PostgresValue {
    package static var postgresType: PostgresType { .float8 }

    package func encode(into bytes: inout [UInt8]) {
        bytes.append(bigEndian: bitPattern)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        let content = try cell.bytes(of: .float8, .float4)
        if cell.typeOID == PostgresType.float8.oid {
            self = Double(bitPattern: try content.readBigEndian())
        } else {
            self = Double(Float(bitPattern: try content.readBigEndian()))
        }
    }
}

// MARK: Text and bytes

extension String: PostgresValue {
    package static var postgresType: PostgresType { .text }

    /// Refuses NUL, which Postgres' text can't hold.
    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        guard !utf8.contains(0) else { throw PostgresValueError("Postgres text can't hold a NUL") }
        bytes.append(contentsOf: utf8)
    }

    /// Reads every type whose binary form is its text, enums and other types of the schema's own among them.
    package init(from cell: PostgresCell) throws(PostgresValueError) {
        guard let content = cell.content else { throw PostgresValueError("it is NULL") }
        let text: UnsafeRawBufferPointer
        switch cell.typeOID {
        case 18, 19, 25, 114, 705, 1042, 1043, 16_384...: text = content
        case PostgresType.jsonb.oid: text = try content.withoutJSONBVersion()
        default: throw cell.mismatch
        }
        guard let string = String(validating: text, as: UTF8.self) else {
            throw PostgresValueError("it isn't UTF-8")
        }
        self = string
    }
}

/// A byte has no Postgres type; an array of them is `bytea`.
extension UInt8: PostgresElement {
    package static var postgresArrayType: PostgresType { .bytea }

    package static func encode(_ array: [UInt8], into bytes: inout [UInt8]) {
        bytes.append(contentsOf: array)
    }

    package static func decodeArray(from cell: PostgresCell) throws(PostgresValueError) -> [UInt8] {
        Array(try cell.bytes(of: .bytea))
    }
}

// MARK: Ids and times

extension UUID: PostgresValue {
    package static var postgresType: PostgresType { .uuid }

    package func encode(into bytes: inout [UInt8]) {
        withUnsafeBytes(of: uuid) { bytes.append(contentsOf: $0) }
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        let content = try cell.bytes(of: .uuid)
        guard content.count == MemoryLayout<uuid_t>.size else { throw .malformed }
        self.init(uuid: content.loadUnaligned(as: uuid_t.self))
    }
}

/// `timestamptz`, rounded to whole microseconds.
///
/// Microseconds come back exactly between the years 1729 and 2273; further out a `Date` has no such precision. Two dates
/// that differ by less than half a microsecond are one to Postgres, so compare what was read with what was read.
extension Date: PostgresValue {
    package static var postgresType: PostgresType { .timestamptz }

    /// Seconds from 2000-01-01, where Postgres counts from, to 2001-01-01, where `Date` does.
    private static let referenceDate: Int64 = 31_622_400

    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        let seconds = timeIntervalSinceReferenceDate.rounded(.down)
        let fraction = ((timeIntervalSinceReferenceDate - seconds) * 1_000_000).rounded()
        // The years -4000 and 290000, well inside of what Postgres takes.
        guard abs(seconds) < 9_000_000_000_000, seconds > -190_000_000_000 else {
            throw PostgresValueError("the time is out of Postgres' range")
        }
        bytes.append(bigEndian: (Int64(seconds) + Self.referenceDate) * 1_000_000 + Int64(fraction))
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        let microseconds: Int64 = try cell.bytes(of: .timestamptz).readBigEndian()
        guard microseconds != .max, microseconds != .min else { throw PostgresValueError("it is infinity") }
        let (sum, overflow) = microseconds.subtractingReportingOverflow(Self.referenceDate * 1_000_000)
        guard !overflow else { throw PostgresValueError("the time is out of range") }
        self.init(timeIntervalSinceReferenceDate: Double(sum) / 1_000_000)
    }
}

// MARK: Reading and writing the binary form

extension PostgresValueError {
    static let malformed = Self("its binary form is malformed")
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    func readBigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int = 0
    ) throws(PostgresValueError) -> Value {
        guard offset >= 0, count - offset >= MemoryLayout<Value>.size else { throw .malformed }
        return Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// A `numeric` without a fraction: how many digits of base 10000, the exponent of the first, the sign, and the digits.
    func readWholeNumeric() throws(PostgresValueError) -> Int64 {
        let count = Int(try readBigEndian() as Int16)
        let exponent = Int(try readBigEndian(at: 2) as Int16)
        let sign: UInt16 = try readBigEndian(at: 4)
        guard sign == 0 || sign == 0x4000 else { throw PostgresValueError("it is no number") }
        guard count <= exponent + 1 else { throw PostgresValueError("it has a fraction") }
        guard exponent <= 4 else { throw PostgresValueError("it doesn't fit in Int64") }
        var number: Int64 = 0
        for index in 0..<Swift.max(exponent + 1, 0) {
            let digit: Int16 = index < count ? try readBigEndian(at: 8 + 2 * index) : 0
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10_000)
            let (sum, isTooLargeNow) = product.subtractingReportingOverflow(Int64(digit))
            guard !isTooLarge, !isTooLargeNow else { throw PostgresValueError("it doesn't fit in Int64") }
            number = sum
        }
        // Counted below zero, where there is room for one more.
        guard sign == 0 else { return number }
        guard number != .min else { throw PostgresValueError("it doesn't fit in Int64") }
        return -number
    }

    /// The text of a `jsonb`, which is preceded by a 1.
    func withoutJSONBVersion() throws(PostgresValueError) -> UnsafeRawBufferPointer {
        guard first == 1 else { throw .malformed }
        return UnsafeRawBufferPointer(rebasing: self[1...])
    }
}

extension PostgresCell {
    /// Any of Postgres' integers, if it fits; `numeric` as well, because that is what `sum` of a `bigint` is.
    func integer<Value: FixedWidthInteger>() throws(PostgresValueError) -> Value {
        let content = try bytes(of: .int8, .int4, .int2, .numeric)
        let wide: Int64
        switch typeOID {
        case PostgresType.int8.oid: wide = try content.readBigEndian()
        case PostgresType.int4.oid: wide = Int64(try content.readBigEndian() as Int32)
        case PostgresType.int2.oid: wide = Int64(try content.readBigEndian() as Int16)
        default: wide = try content.readWholeNumeric()
        }
        guard let value = Value(exactly: wide) else { throw PostgresValueError("it doesn't fit in \(Value.self)") }
        return value
    }
}
