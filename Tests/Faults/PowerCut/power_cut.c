// Writes down how much of each append-only file has reached the disk, so that a power cut can be played: what a server wrote
// after its last fdatasync survives a kill -9 in the kernel's memory, and would not survive the loss of power.
//
// Loaded into redis-server by LD_PRELOAD. POWER_CUT_RECORDS is a directory: it gets a file for each append-only file, named
// alike, that holds the synced length. With POWER_CUT_LIES_MS the disk lies: it says "synced" at once, and keeps what it has
// only as often as that.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int lies(void) {
    static atomic_long last;
    const char *span = getenv("POWER_CUT_LIES_MS");
    if (!span) return 0;
    long now = milliseconds(), before = atomic_load(&last);
    if (now - before < atol(span)) return 1;
    atomic_store(&last, now);
    return 0;
}

static void record(int file) {
    const char *records = getenv("POWER_CUT_RECORDS");
    char link[64], path[4096], text[32];
    struct stat info;
    if (!records) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    if (!strstr(path, ".incr.aof") || lies() || fstat(file, &info) != 0) return;
    const char *name = strrchr(path, '/');
    snprintf(path, sizeof path, "%s/%s", records, strdupa(name ? name + 1 : path));
    int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (out < 0) return;
    // One write of one length: whoever is killed here leaves the old number or the new one.
    int count = snprintf(text, sizeof text, "%020lld\n", (long long)info.st_size);
    if (pwrite(out, text, count, 0) != count) unlink(path);
    close(out);
}

int fdatasync(int file) {
    int result = (int)syscall(SYS_fdatasync, file);
    if (result == 0) record(file);
    return result;
}

int fsync(int file) {
    int result = (int)syscall(SYS_fsync, file);
    if (result == 0) record(file);
    return result;
}
