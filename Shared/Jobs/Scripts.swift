package import Redis

/// The queue's scripts, one transition each; what they take and answer stands at the top of each file.
package enum Scripts {
    package static let enqueue = script(PackageResources.enqueue_lua)
    static let lease = script(PackageResources.lease_lua)
    package static let settle = script(PackageResources.settle_lua)
    static let extend = script(PackageResources.extend_lua)
    static let reap = script(PackageResources.reap_lua)
    static let abandon = script(PackageResources.abandon_lua)

    static let register = script(PackageResources.register_lua)
    static let policy = script(PackageResources.policy_lua)
    static let schedule = script(PackageResources.schedule_lua)
    static let tick = script(PackageResources.tick_lua)
    static let fire = script(PackageResources.fire_lua)

    static let pause = script(PackageResources.pause_lua)
    static let stats = script(PackageResources.stats_lua)
    static let show = script(PackageResources.show_lua)
    static let peek = script(PackageResources.peek_lua)
    static let cancel = script(PackageResources.cancel_lua)
    static let dead = script(PackageResources.dead_lua)
    static let replay = script(PackageResources.replay_lua)
    static let discard = script(PackageResources.discard_lua)

    /// The script's first line (`#!lua …`), then common.lua, then the rest.
    private static func script(_ bytes: [UInt8]) -> RedisScript {
        let common = String(decoding: PackageResources.common_lua, as: UTF8.self)
        let source = String(decoding: bytes, as: UTF8.self)
        let first = source.prefix { $0 != "\n" }
        return RedisScript("\(first)\n\(common)\(source.dropFirst(first.count))")
    }
}
