// Is preloaded into the daemon. It keeps a journal of what the daemon does to files whose path begins with
// POWERCUT_PREFIX, and a copy of each file as it was when it was flushed. From these powercut.py finds what a power cut
// would leave.
//   prior PATH COPY|-   the file as it was before the daemon touched it create PATH INODE | write PATH INODE | flush
//   PATH INODE COPY rename FROM TO INODE | unlink PATH | flushdir PATH
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(type, name, ...)                                  \
  static type (*real)(__VA_ARGS__);                            \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static const char* prefix;
static const char* journal;
static int copies;

__attribute__((constructor)) static void begin(void) {
  prefix = getenv("POWERCUT_PREFIX");
  journal = getenv("POWERCUT_JOURNAL");
  if (strcmp(program_invocation_short_name, "tamada") != 0) prefix = NULL;  // not for the daemon's children
}

static int watched(const char* path) {
  const size_t length = path ? strlen(path) : 0;
  if (!prefix || !journal || strncmp(path ? path : "", prefix, strlen(prefix)) != 0) return 0;
  if (strstr(path, "/pgsql_tmp.tamada")) return 0;  // the daemon writes this file only to test the disk
  return length < 4 || strcmp(path + length - 4, ".log") != 0;
}

static void tell(const char* format, ...) {
  char line[3 * PATH_MAX];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const int fd = syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  syscall(SYS_write, fd, line, length);
  syscall(SYS_close, fd);
}

static const char* copy_of(const char* path, char* name) {
  const int from = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  struct stat status;
  if (from < 0 || fstat(from, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (from >= 0) syscall(SYS_close, from);
    return "-";
  }
  snprintf(name, PATH_MAX, "%s.%d.%d", journal, (int)getpid(), __sync_fetch_and_add(&copies, 1));
  const int to = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  char text[65536];
  long size;
  while ((size = syscall(SYS_read, from, text, sizeof text)) > 0) syscall(SYS_write, to, text, size);
  syscall(SYS_close, from);
  syscall(SYS_close, to);
  return name;
}

static void prior(const char* path) {
  char name[PATH_MAX];
  tell("prior %s %s\n", path, copy_of(path, name));
}

static unsigned long inode(const char* path) {
  struct stat status;
  return lstat(path, &status) == 0 ? status.st_ino : 0;
}

static void opening(const char* path, int writes) {
  if (writes && watched(path)) prior(path);
}

static void opened(const char* path, int writes, int ok) {
  if (writes && ok && watched(path)) tell("create %s %lu\n", path, inode(path));
}

static int path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const long size = prefix ? readlink(link, path, PATH_MAX - 1) : -1;
  if (size < 0) return 0;
  path[size] = 0;
  return 1;
}

static void written(int fd) {
  const int kept = errno;
  char path[PATH_MAX];
  if (path_of(fd, path) && watched(path)) tell("write %s %lu\n", path, inode(path));
  errno = kept;
}

int open(const char* path, int flags, ...) {
  NEXT(int, open, const char*, int, ...);
  va_list arguments;
  va_start(arguments, flags);
  const int mode = va_arg(arguments, int);
  va_end(arguments);
  const int writes = (flags & (O_CREAT | O_TRUNC)) != 0;
  opening(path, writes);
  const int fd = real(path, flags, mode);
  opened(path, writes, fd >= 0);
  return fd;
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = va_arg(arguments, int);
  va_end(arguments);
  return open(path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  NEXT(FILE*, fopen, const char*, const char*);
  const int writes = strpbrk(mode, "wa+") != NULL;
  opening(path, writes);
  FILE* file = real(path, mode);
  opened(path, writes, file != NULL);
  return file;
}

FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

ssize_t write(int fd, const void* text, size_t size) {
  NEXT(ssize_t, write, int, const void*, size_t);
  written(fd);
  return real(fd, text, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  NEXT(ssize_t, writev, int, const struct iovec*, int);
  written(fd);
  return real(fd, parts, count);
}

static void flushed(int fd) {
  char path[PATH_MAX], name[PATH_MAX];
  struct stat status;
  if (!path_of(fd, path) || fstat(fd, &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    tell("flushdir %s\n", path);
  } else if (watched(path)) {
    tell("flush %s %lu %s\n", path, (unsigned long)status.st_ino, copy_of(path, name));
  }
}

int fsync(int fd) {
  NEXT(int, fsync, int);
  if (prefix && getenv("POWERCUT_SLOW") && access(getenv("POWERCUT_SLOW"), F_OK) == 0) usleep(3000000);
  const int done = real(fd);
  if (prefix && done == 0) flushed(fd);
  return done;
}

int fdatasync(int fd) { return fsync(fd); }

int rename(const char* from, const char* to) {
  NEXT(int, rename, const char*, const char*);
  const int ours = watched(from) || watched(to);
  if (ours) {
    prior(from);
    prior(to);
  }
  const int done = real(from, to);
  if (ours && done == 0) tell("rename %s %s %lu\n", from, to, inode(to));
  return done;
}

static int removed(int done, const char* path) {
  const int kept = errno;
  if (done == 0 && watched(path)) tell("unlink %s\n", path);
  errno = kept;
  return done;
}

int unlink(const char* path) {
  NEXT(int, unlink, const char*);
  if (watched(path) && access(path, F_OK) == 0) prior(path);
  return removed(real(path), path);
}

int remove(const char* path) {
  NEXT(int, remove, const char*);
  if (watched(path) && access(path, F_OK) == 0) prior(path);
  return removed(real(path), path);
}
