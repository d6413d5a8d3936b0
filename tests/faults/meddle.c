// tests/faults/meddle.c - preloaded into the daemons: another time of day than the kernel's, and no inotify, on demand.
//
// CLOCK_REALTIME has no namespace, so this is the only way to let a clock jump for some processes of a machine. The file
// that BERTH_TEST_MEDDLE names holds two 64 bit numbers: seconds to add to the time of day, and not 0 for "inotify_init1
// fails as it does at fs.inotify.max_user_instances". Sleeps and the monotonic clock stay the kernel's, as with a real jump.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* orders(void) {
  static const int64_t none[2] = {0, 0};
  static const int64_t* mapped = NULL;
  if (mapped == NULL) {
    const char* path = getenv("BERTH_TEST_MEDDLE");
    const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void* at = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    mapped = at == MAP_FAILED ? none : at;
  }
  return mapped;
}

int clock_gettime(clockid_t which, struct timespec* now) {
  const long result = syscall(SYS_clock_gettime, which, now);
  if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += orders()[0];
  return (int)result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* into) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (into != NULL) *into = exact.tv_sec;
  return exact.tv_sec;
}

int inotify_init1(int flags) {
  if (orders()[1] == 0) return (int)syscall(SYS_inotify_init1, flags);
  errno = EMFILE;
  return -1;
}
