import Glibc

/// Seconds since the machine started, the time it slept among them: what a frozen process can't be fooled with.
package enum BootClock {
    package static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
