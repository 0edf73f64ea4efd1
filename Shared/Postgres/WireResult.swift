import CLibPQ
import Foundation

/// What libpq received for one statement.
// Because it is only read after it was made, and freed with its last owner.
final class WireResult: @unchecked Sendable {
    private let pointer: OpaquePointer
    let rowCount: Int
    let columns: [String]

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        rowCount = Int(PQntuples(pointer))
        columns = (0..<PQnfields(pointer)).map { PQfname(pointer, $0).map { String(cString: $0) } ?? "" }
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }

    /// As "SELECT 3" or "ROLLBACK".
    var tag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    var affected: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// One of the fields of an error, such as `PG_DIAG_SQLSTATE`.
    func diagnostic(_ field: Character) -> String? {
        guard let code = field.asciiValue else { return nil }
        return PQresultErrorField(pointer, Int32(code)).map { String(cString: $0) }
    }

    func column(named name: String) throws(PostgresError) -> Int {
        guard let column = columns.firstIndex(of: name) else {
            throw .decode(column: name, reason: "there is no such column")
        }
        guard columns.lastIndex(of: name) == column else {
            throw .decode(column: name, reason: "several columns are called so")
        }
        return column
    }

    /// `row` and `column` must exist.
    func value<Value: PostgresValue>(row: Int, column: Int) throws(PostgresError) -> Value {
        let (row, field) = (Int32(row), Int32(column))
        var content: UnsafeRawBufferPointer?
        if PQgetisnull(pointer, row, field) == 0, let start = PQgetvalue(pointer, row, field) {
            content = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(pointer, row, field)))
        }
        do throws(PostgresValueError) {
            return try withExtendedLifetime(self) { () throws(PostgresValueError) in
                try Value(from: PostgresCell(typeOID: PQftype(pointer, field), content: content))
            }
        } catch {
            throw .decode(column: columns[column], reason: "\(Value.self) was asked for, but \(error.reason)")
        }
    }
}
