/// Arrays of one dimension; bind one for each column to `unnest` for bulk work.
extension Array: PostgresElement where Element: PostgresElement {}

extension Array: PostgresValue where Element: PostgresElement {
    package static var postgresType: PostgresType { Element.postgresArrayType }

    package func encode(into bytes: inout [UInt8]) throws(PostgresValueError) {
        try Element.encode(self, into: &bytes)
    }

    package init(from cell: PostgresCell) throws(PostgresValueError) {
        self = try Element.decodeArray(from: cell)
    }
}

extension PostgresElement where Self: PostgresValue {
    package static var postgresArrayType: PostgresType {
        PostgresType(oid: postgresType.arrayOID, arrayOID: 0)
    }

    /// Dimensions, whether there are NULLs, the element's type; length and lower bound; then each element with its length.
    package static func encode(_ array: [Self], into bytes: inout [UInt8]) throws(PostgresValueError) {
        guard postgresType.arrayOID != 0 else { throw PostgresValueError("arrays of \(Self.self) can't be bound") }
        bytes.append(bigEndian: Int32(array.isEmpty ? 0 : 1))
        let hasNulls = bytes.count + 3
        bytes.append(bigEndian: Int32(0))
        bytes.append(bigEndian: postgresType.oid)
        guard !array.isEmpty else { return }
        bytes.append(bigEndian: Int32(clamping: array.count))
        bytes.append(bigEndian: Int32(1))

        for element in array {
            bytes.append(bigEndian: Int32(-1))
            if element.isNull {
                bytes[hasNulls] = 1
                continue
            }
            let start = bytes.count
            try element.encode(into: &bytes)
            let length = Int32(clamping: bytes.count - start)
            bytes.withUnsafeMutableBytes {
                $0.storeBytes(of: length.bigEndian, toByteOffset: start - 4, as: Int32.self)
            }
        }
    }

    package static func decodeArray(from cell: PostgresCell) throws(PostgresValueError) -> [Self] {
        guard let content = cell.content else { throw PostgresValueError("it is NULL") }
        guard PostgresType.isArray(cell.typeOID) else { throw cell.mismatch }
        let dimensions: Int32 = try content.readBigEndian()
        let elementType: UInt32 = try content.readBigEndian(at: 8)
        guard dimensions != 0 else { return [] }
        guard dimensions == 1 else { throw PostgresValueError("it has \(dimensions) dimensions") }
        let count: Int32 = try content.readBigEndian(at: 12)

        var array: [Self] = []
        array.reserveCapacity(Int(clamping: min(count, Int32(clamping: content.count / 4))))
        var place = 20
        for _ in 0..<max(count, 0) {
            let length = Int(try content.readBigEndian(at: place) as Int32)
            place += 4
            guard length >= 0 else {
                array.append(try Self(from: PostgresCell(typeOID: elementType, content: nil)))
                continue
            }
            guard content.count - place >= length else { throw .malformed }
            let element = UnsafeRawBufferPointer(rebasing: content[place..<place + length])
            array.append(try Self(from: PostgresCell(typeOID: elementType, content: element)))
            place += length
        }
        return array
    }
}

extension PostgresType {
    /// Whether a value of this type has the binary form of an array; the element's type is inside.
    ///
    /// Types of the schema's own have numbers from 16384; those that aren't arrays fail on their dimensions.
    fileprivate static func isArray(_ oid: UInt32) -> Bool {
        switch oid {
        case 199, 1000...1028, 1115, 1182, 1183, 1185, 1187, 1231, 2951, 3807, 16_384...: true
        default: false
        }
    }
}
