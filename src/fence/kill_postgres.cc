#include "fence/kill_postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// This is part of the guard process, so it uses no C++ runtime, no heap and no buffered input or output.

namespace tamada::fence {
namespace {

constexpr int children_max = 8192;

// Reads a small file into `text` and terminates it. Returns its length, 0 when the file cannot be read.
int read_text(const char* path, char* text, int size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  int length = 0;
  while (length < size - 1) {
    const auto got = read(fd, text + length, static_cast<size_t>(size - 1 - length));
    if (got <= 0) break;
    length += static_cast<int>(got);
  }
  close(fd);
  text[length] = '\0';
  return length;
}

bool is_zombie(int pid) {
  char path[64], state[512] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  read_text(path, state, sizeof state);
  const char* name_end = strrchr(state, ')');
  return name_end == nullptr || (name_end[1] == ' ' && name_end[2] == 'Z');
}

int children_of(int pid, int* children) {
  static char text[children_max * 8];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  read_text(path, text, sizeof text);
  int count = 0;
  for (char* at = text; count < children_max;) {
    char* end = nullptr;
    const long child = strtol(at, &end, 10);
    if (end == at) break;
    children[count++] = static_cast<int>(child);
    at = end;
  }
  return count;
}

}  // namespace

int kill_postgres(int pid, int pidfd) {
  static int children[children_max];
  const auto signal_postmaster = [pidfd](int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0);
  };
  if (signal_postmaster(SIGSTOP) != 0) return 0;  // a stopped postmaster starts no more processes
  int killed = 0;
  for (int pass = 0; pass < 2; ++pass) {  // the second pass finds what was forked during the first
    const int count = children_of(pid, children);
    int alive = 0;
    // A stopped parent does not reap its children, so the kernel gives their process numbers to nobody else.
    for (int i = 0; i < count; ++i) {
      if (!is_zombie(children[i]) && kill(children[i], SIGKILL) == 0) ++alive;
    }
    if (pass == 0) killed = alive;
  }
  return signal_postmaster(SIGKILL) == 0 ? killed + 1 : killed;
}

int running_postmaster(const char* data_dir) {
  char path[4096], text[64], where[4096];
  snprintf(path, sizeof path, "%s/postmaster.pid", data_dir);
  if (read_text(path, text, sizeof text) == 0) return 0;
  const int pid = atoi(text);
  if (pid <= 1) return 0;
  snprintf(path, sizeof path, "/proc/%d/cwd", pid);  // a postmaster works in its data directory
  const auto length = readlink(path, where, sizeof where - 1);
  if (length <= 0) return 0;
  where[length] = '\0';
  char real[4096];
  return realpath(data_dir, real) && strcmp(real, where) == 0 ? pid : 0;
}

}  // namespace tamada::fence
