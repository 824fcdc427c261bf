// The guard: ends this node's PostgreSQL when its bound passes and the daemon has not moved it, whether the daemon is
// frozen, killed, swapping or gone. It is a statically linked program of its own, so that all of it can be locked into
// memory.
//
//   tamada-guard SHARED_MEMORY DAEMON_PID DATA_DIR
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "fence/guard_page.h"
#include "fence/kill_postgres.h"

namespace {

using tamada::fence::boot_time_ns;
using tamada::fence::GuardPage;

constexpr long long look_again_ns = 250'000'000;  // how often the guard reads what the daemon wrote

int open_pidfd(int pid) { return pid > 1 ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1; }

// If one of these calls is refused, the guard is only slower on a machine under pressure. The daemon logs what was
// refused.
unsigned protect_self() {
  unsigned protection = 0;
  if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) protection |= GuardPage::memory_locked;
  sched_param priority{};
  priority.sched_priority = 1;
  if (syscall(SYS_sched_setscheduler, 0, SCHED_RR, &priority) == 0 || setpriority(PRIO_PROCESS, 0, -20) == 0) {
    protection |= GuardPage::priority_raised;
  }
  return protection;
}

// Whether the name is the path of the daemon's descriptor in /proc; otherwise it is a name of shared memory.
bool is_descriptor(const char* name) { return strncmp(name, "/proc/", 6) == 0; }

GuardPage* map_page(const char* name, struct stat* identity) {
  const int fd = is_descriptor(name) ? open(name, O_RDWR | O_CLOEXEC) : shm_open(name, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  if (fstat(fd, identity) != 0 || identity->st_size < static_cast<off_t>(sizeof(GuardPage))) return nullptr;
  void* memory = mmap(nullptr, sizeof(GuardPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (!is_descriptor(name)) close(fd);  // a descriptor stays open, because the next daemon finds the memory by it
  return memory == MAP_FAILED ? nullptr : static_cast<GuardPage*>(memory);
}

// Removes the name only if it is still our page's: the next run of the daemon may have given it to a page of its own.
void remove_own_page(const char* name, const struct stat& identity) {
  if (is_descriptor(name)) return;
  const int fd = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
  struct stat now{};
  if (fd >= 0 && fstat(fd, &now) == 0 && now.st_ino == identity.st_ino) shm_unlink(name);
}

// Writes a line in the daemon's log format. The guard writes it itself, because the daemon may be frozen.
void tell(int pid, int processes) {
  timeval now{};
  gettimeofday(&now, nullptr);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char when[32], line[256];
  strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
  const int length = snprintf(line, sizeof line,
                              "%s,%03d CRITICAL: guard: the leader lease ended and the daemon did not stop PostgreSQL: "
                              "killed postmaster %d, %d processes in all\n",
                              when, static_cast<int>(now.tv_usec / 1000), pid, processes);
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line, static_cast<size_t>(length));
}

class Guard {
 public:
  Guard(GuardPage& page, int daemon_pid, const char* data_dir)
      : page_(page),
        data_dir_(data_dir),
        daemon_(open_pidfd(daemon_pid)),
        timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC)) {}

  // Returns when the daemon is gone and nothing is left to guard.
  void run() {
    for (;;) {
      watch(page_.postmaster_pid.load());
      auto deadline = page_.deadline_ns.load();
      const auto now = boot_time_ns();
      page_.looked_ns.store(now);
      if (deadline != 0 && now >= deadline) {
        if (end_postgres()) page_.fired_ns.store(now);
        page_.deadline_ns.compare_exchange_strong(deadline, 0);
        continue;
      }
      if (daemon_ < 0 && deadline == 0) return;
      sleep_until(deadline != 0 && deadline < now + look_again_ns ? deadline : now + look_again_ns);
    }
  }

 private:
  void watch(int pid) {
    if (pid == postmaster_) return;
    if (postmaster_fd_ >= 0) close(postmaster_fd_);
    postmaster_ = pid;
    postmaster_fd_ = open_pidfd(pid);
  }

  // Kills PostgreSQL, and returns whether there is news. A server whose processes the kernel does not let end is killed
  // again and again, but reported once.
  bool end_postgres() {
    int processes = postmaster_fd_ >= 0 ? tamada::fence::kill_postgres(postmaster_, postmaster_fd_) : 0;
    if (processes == 0) {  // PostgreSQL was started after the daemon last wrote its process number
      watch(tamada::fence::running_postmaster(data_dir_));
      if (postmaster_fd_ >= 0) processes = tamada::fence::kill_postgres(postmaster_, postmaster_fd_);
    }
    const bool again = processes > 0 && postmaster_ == ended_;
    if (processes > 0 && !again) tell(postmaster_, processes);
    if (processes > 0) ended_ = postmaster_;
    return !again;
  }

  void sleep_until(long long at_ns) {
    itimerspec when{};
    when.it_value.tv_sec = at_ns / 1'000'000'000;
    when.it_value.tv_nsec = at_ns % 1'000'000'000;
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
    pollfd events[2] = {{timer_, POLLIN, 0}, {daemon_, POLLIN, 0}};
    poll(events, daemon_ < 0 ? 1 : 2, -1);
    if (daemon_ >= 0 && events[1].revents != 0) {
      close(daemon_);
      daemon_ = -1;
    }
  }

  GuardPage& page_;
  const char* data_dir_;
  int daemon_;
  int timer_;
  int postmaster_ = 0;
  int postmaster_fd_ = -1;
  int ended_ = 0;  // the last postmaster that was killed
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fputs("tamada-guard is started by tamada, which shares its memory with it\n", stderr);
    return 2;
  }
  struct stat identity{};
  GuardPage* page = map_page(argv[1], &identity);
  if (page == nullptr || page->version.load() != GuardPage::current_version) {
    fprintf(stderr, "tamada-guard: no shared memory %s of this version\n", argv[1]);
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);   // Ctrl-C in the daemon's terminal is meant for the daemon
  signal(SIGTERM, SIG_IGN);  // a service manager sends its stop to the daemon, too; the guard ends after the daemon
  prctl(PR_SET_NAME, "tamada-guard");
  page->protection.store(protect_self());
  page->looked_ns.store(boot_time_ns());
  page->guard_pid.store(getpid());
  Guard(*page, atoi(argv[2]), argv[3]).run();
  remove_own_page(argv[1], identity);
  return 0;
}
