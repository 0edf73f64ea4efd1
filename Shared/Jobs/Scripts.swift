package import Redis

/// The queue's scripts, one transition each; what they take and answer stands at the top of each file.
package struct Scripts: Sendable {
    package let enqueue, lease, settle, extend, reap, abandon: RedisScript
    package let register, policy, schedule, tick, fire, rate: RedisScript
    package let pause, stats, show, peek, cancel, dead, replay, discard, unload, verify, announce: RedisScript

    /// As they are written.
    package static let written = Scripts { _, source in source }

    /// The same with the sources edited, by name: a test that breaks a rule to see whether it would be noticed.
    package init(editing edit: (_ name: String, _ source: String) -> String) {
        let common = String(decoding: PackageResources.common_lua, as: UTF8.self)
        /// The script's first line (`#!lua …`), then common.lua, then the rest.
        func script(_ name: String, _ bytes: [UInt8]) -> RedisScript {
            let source = String(decoding: bytes, as: UTF8.self)
            let first = source.prefix { $0 != "\n" }
            return RedisScript(edit(name, "\(first)\n\(common)\(source.dropFirst(first.count))"))
        }
        enqueue = script("enqueue", PackageResources.enqueue_lua)
        lease = script("lease", PackageResources.lease_lua)
        settle = script("settle", PackageResources.settle_lua)
        extend = script("extend", PackageResources.extend_lua)
        reap = script("reap", PackageResources.reap_lua)
        abandon = script("abandon", PackageResources.abandon_lua)

        register = script("register", PackageResources.register_lua)
        policy = script("policy", PackageResources.policy_lua)
        schedule = script("schedule", PackageResources.schedule_lua)
        tick = script("tick", PackageResources.tick_lua)
        fire = script("fire", PackageResources.fire_lua)
        rate = script("rate", PackageResources.rate_lua)

        pause = script("pause", PackageResources.pause_lua)
        stats = script("stats", PackageResources.stats_lua)
        show = script("show", PackageResources.show_lua)
        peek = script("peek", PackageResources.peek_lua)
        cancel = script("cancel", PackageResources.cancel_lua)
        dead = script("dead", PackageResources.dead_lua)
        replay = script("replay", PackageResources.replay_lua)
        discard = script("discard", PackageResources.discard_lua)
        unload = script("unload", PackageResources.unload_lua)
        verify = script("verify", PackageResources.verify_lua)
        announce = script("announce", PackageResources.announce_lua)
    }
}
