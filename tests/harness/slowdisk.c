// slowdisk.py preloads this into the daemon, and so into its PostgreSQL. Each flush of a file below SLOWDISK_PREFIX
// takes as many seconds as the file SLOWDISK_CONTROL says. If that file is empty, the flush takes until it is removed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// The number in the file; -1 when there is no file, 0 when it is empty.
static double seconds(void) {
  const char* control = getenv("SLOWDISK_CONTROL");
  char text[32] = "";
  const int fd = control ? syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0) : -1;
  if (fd < 0) return -1;
  syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return atof(text);
}

static void take_time(int fd) {
  char link[64], path[PATH_MAX] = "";
  const char* prefix = getenv("SLOWDISK_PREFIX");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (!prefix || readlink(link, path, sizeof path - 1) <= 0 || strncmp(path, prefix, strlen(prefix)) != 0) return;
  const double once = seconds();
  if (once > 0) usleep((useconds_t)(once * 1e6));
  while (once == 0 && seconds() == 0) usleep(20000);
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  take_time(fd);
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  take_time(fd);
  return real(fd);
}
