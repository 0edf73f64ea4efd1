@main struct Process {
    static func main() {}
}
