// The memory that the daemon shares with its guard. It is POSIX shared memory, which outlives the daemon. If /dev/shm
// cannot be used it is a memfd, which the guard keeps open so that the next daemon finds it. All fields are lock-free
// atomics, so a process that is stopped between two writes leaves a page that is safe to act on.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace tamada::fence {

inline constexpr const char* guard_memory_name = "tamada-guard";  // the name of a memfd

struct GuardPage {
  static constexpr std::uint32_t current_version = 0x54470002;

  std::atomic<std::uint32_t> version;
  std::atomic<std::int32_t> guard_pid;       // written by the guard when it is ready
  std::atomic<std::uint32_t> protection;     // written by the guard: the bits below
  std::atomic<std::int32_t> postmaster_pid;  // written by the daemon; 0 when not known
  std::atomic<std::int64_t> deadline_ns;     // written by the daemon; 0: disarmed. All times are of CLOCK_BOOTTIME
  std::atomic<std::int64_t> fired_ns;        // written by the guard: when it last ended PostgreSQL; 0 when it never did
  std::atomic<std::int64_t> looked_ns;       // written by the guard: when it last read this page

  enum : std::uint32_t { memory_locked = 1, priority_raised = 2 };
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

inline std::int64_t boot_time_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace tamada::fence
