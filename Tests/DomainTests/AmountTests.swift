import Domain
import Testing

@Suite struct `Amounts of money` {
    @Test(arguments: [
        ("17.5", "USD", 1750), ("17.50", "usd", 1750), ("0.07", "EUR", 7), ("100", "JPY", 100), ("100.00", "JPY", 100),
        ("5", "EUR", 500), ("-3.98", "USD", -398), ("17.500", "USD", 1750),
    ])
    func `are read as providers spell them`(text: String, currency: String, units: Int64) {
        #expect(Money(text, currency)?.minorUnits == units)
    }

    @Test(arguments: [
        ("17.505", "USD"), ("100.5", "JPY"), ("", "USD"), (".5", "USD"), ("5.", "USD"), ("1e3", "USD"), ("1,5", "USD"),
        (" 1", "USD"), ("--1", "USD"), ("1.2.3", "USD"), ("1", "DOLLAR"), ("99999999999999999999", "USD"), ("１", "USD"),
    ])
    func `are not guessed`(text: String, currency: String) {
        #expect(Money(text, currency) == nil)
    }

    @Test(arguments: [
        (1750, "USD", "17.50"), (7, "EUR", "0.07"), (0, "EUR", "0.00"), (-398, "USD", "-3.98"), (100, "JPY", "100"),
    ])
    func `are spelled for the wire`(units: Int64, currency: String, text: String) {
        #expect(Money(minorUnits: units, currency: currency).text == text)
        #expect(Money(text, currency)?.minorUnits == units)
    }
}
