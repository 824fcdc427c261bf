#include "fence/guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <utility>

#include "fence/guard_page.h"
#include "net/boot_timer.h"
#include "net/files.h"
#include "net/log.h"
#include "net/process.h"

namespace tamada::fence {

using namespace std::chrono_literals;

namespace {

constexpr auto restart_pause = 5s;
constexpr auto silence_max = 5s;  // the guard updates looked_ns four times a second

GuardPage* map(int fd) {
  void* memory = mmap(nullptr, sizeof(GuardPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<GuardPage*>(memory);
}

GuardPage* open_page(const std::string& name) {
  const int fd = shm_open(name.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  struct stat found{};
  if (fstat(fd, &found) != 0 || found.st_size < static_cast<off_t>(sizeof(GuardPage))) {
    close(fd);
    return nullptr;
  }
  return map(fd);
}

// The page of a running guard of this user and this data directory, if the page has no name. The guard keeps a
// descriptor of the page open.
GuardPage* page_of_running_guard(const std::string& data_dir) {
  std::error_code error;
  for (const auto& pid : net::names_in("/proc")) {
    const auto line = net::read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
    if (!line.contains("tamada-guard") || !line.ends_with('\0' + data_dir + '\0')) continue;
    const auto folder = fmt::format("/proc/{}/fd", pid);
    for (const auto& held : net::names_in(folder)) {
      const auto path = folder + "/" + held;
      const auto target = std::filesystem::read_symlink(path, error).string();
      if (error || !target.starts_with(std::string("/memfd:") + guard_memory_name)) continue;
      const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
      if (fd >= 0) return map(fd);
    }
  }
  return nullptr;
}

// The descriptor of the new memory; -1 when it could not be made.
int create_nameless_memory() {
  const int fd = memfd_create(guard_memory_name, MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, sizeof(GuardPage)) == 0) return fd;
  close(fd);
  return -1;
}

// Whether the process is a guard: the pid of a guard that has ended may belong to another process.
bool is_guard(int pid) { return net::read_file(fmt::format("/proc/{}/comm", pid)) == "tamada-guard\n"; }

// Wakes the daemon when the guard has ended, and again when the next one may be started.
awaitable<void> tell_end(std::shared_ptr<net::ExitWatch> guard, core::Instant restart_at, std::function<void()> call) {
  co_await guard->ended();
  call();
  if (net::KernelBootClock::now() >= restart_at) co_return;
  net::BootTimer pause(co_await asio::this_coro::executor, restart_at);
  while (net::KernelBootClock::now() < restart_at) co_await pause.async_wait(use_awaitable);
  call();
}

GuardPage* create_page(const std::string& name) {
  shm_unlink(name.c_str());
  const int fd = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return nullptr;
  if (ftruncate(fd, sizeof(GuardPage)) != 0) {
    close(fd);
    return nullptr;
  }
  return map(fd);
}

}  // namespace

struct Guard::Impl {
  asio::any_io_executor executor;
  std::string program, data_dir, name;
  std::string page_path;  // the path by which the guard finds the page
  GuardPage* page = nullptr;
  std::shared_ptr<net::ExitWatch> running;
  std::function<void()> on_end = [] {};
  core::Instant started_at{};
  GuardPage* former = nullptr;  // the page of a former run of the daemon
  std::unique_ptr<net::ExitWatch> former_running;
  std::int64_t told_fired_ns = 0;
  bool told_ready = false;
  int held = -1;        // the descriptor of a page without a name, which the guard inherits
  std::string trouble;  // why there is no guard

  bool fails(const std::string& why);
  bool make_page();
  void find_former();
  bool start(core::Instant now);
  void dismiss_former();
  void report();
};

Guard::Guard(asio::any_io_executor executor, std::string program, std::string data_dir)
    : impl_(std::make_unique<Impl>()) {
  impl_->executor = std::move(executor);
  impl_->program = std::move(program);
  impl_->name = net::shared_memory_name(guard_memory_name, data_dir);
  impl_->data_dir = std::move(data_dir);
  impl_->find_former();
}

// The pages are not unmapped here, because the guard process is meant to outlive this object.
Guard::~Guard() = default;

void Guard::Impl::find_former() {
  former = open_page(name);
  if (!former) former = page_of_running_guard(data_dir);
  if (!former) return;
  const int pid = former->guard_pid.load();
  if (pid > 1 && is_guard(pid)) former_running = std::make_unique<net::ExitWatch>(executor, pid);
  const bool alive = former_running && former_running->ok() && !former_running->has_ended();
  if (alive && former->version.load() == GuardPage::current_version) return;
  if (alive) {
    log::warning("the guard of another version (pid {}) is dismissed", pid);
    former_running->signal(SIGKILL);
  } else if (former->version.load() == GuardPage::current_version && former->deadline_ns.load() != 0) {
    log::critical(
        "the guard (pid {}) of this daemon's former run has been killed: since then nothing would have "
        "ended PostgreSQL at the end of the leader lease{}",
        pid, former->deadline_ns.load() < boot_time_ns() ? ", which is over" : "");
  }
  former = nullptr;
  former_running.reset();
}

std::optional<core::Instant> Guard::inherited() const {
  if (!impl_->former) return std::nullopt;
  const auto deadline = impl_->former->deadline_ns.load();
  if (deadline == 0) return std::nullopt;
  return core::Instant(core::Duration(deadline));
}

bool Guard::Impl::fails(const std::string& why) {
  const auto text = "no guard: " + why + "; while this lasts, a primary whose daemon is frozen can go on writing";
  if (text != trouble) log::error("{}", text);
  trouble = text;
  return false;
}

bool Guard::Impl::make_page() {
  if (held >= 0) close(std::exchange(held, -1));
  page = create_page(name);
  page_path = name;
  if (page) return true;
  const int error = errno;
  held = create_nameless_memory();
  page = held >= 0 ? map(dup(held)) : nullptr;
  page_path = fmt::format("/proc/self/fd/{}", net::SpawnOptions::passed_as);
  if (page)
    log::info("shared memory {} cannot be made ({}): the guard has memory without a name", name, std::strerror(error));
  return page != nullptr;
}

bool Guard::Impl::start(core::Instant now) {
  if (running && !running->has_ended()) return true;
  if (started_at != core::Instant{}) {
    if (running) fails("it has ended unexpectedly");
    if (now - started_at < restart_pause) return false;
  }
  started_at = now;
  const auto deadline = page ? page->deadline_ns.load() : former ? former->deadline_ns.load() : 0;
  const auto postmaster = page ? page->postmaster_pid.load() : former ? former->postmaster_pid.load() : 0;
  if (page) munmap(page, sizeof(GuardPage));
  if (!make_page()) return fails(std::string("there is no memory to share with it: ") + std::strerror(errno));
  page->postmaster_pid.store(postmaster);
  page->deadline_ns.store(deadline);
  page->version.store(GuardPage::current_version);
  auto process = net::Process::spawn(executor, {.argv = {program, page_path, std::to_string(getpid()), data_dir},
                                                .unset = {"NOTIFY_SOCKET", "WATCHDOG_*"},
                                                .new_session = true,
                                                .essential = true,
                                                .pass = held});
  if (!process) return fails(process.error().what);
  running = std::make_shared<net::ExitWatch>(executor, process->pid());
  asio::co_spawn(executor, tell_end(running, now + restart_pause, on_end), asio::detached);
  told_ready = false;
  return true;
}

void Guard::Impl::dismiss_former() {
  if (!former || page->guard_pid.load() == 0) return;
  former_running->signal(SIGKILL);
  former = nullptr;
  former_running.reset();
}

void Guard::Impl::report() {
  if (!told_ready && page->guard_pid.load() != 0) {
    told_ready = true;
    trouble.clear();
    const auto protection = page->protection.load();
    log::info("guard started, pid {}{}{}", page->guard_pid.load(),
              (protection & GuardPage::memory_locked) != 0 ? ", memory locked" : ", memory not locked",
              (protection & GuardPage::priority_raised) != 0 ? ", priority raised" : ", ordinary priority");
  }
  const auto fired = page->fired_ns.load();
  if (fired != told_fired_ns) {
    told_fired_ns = fired;
    log::critical(
        "the guard ended PostgreSQL {} ms ago: the leader lease had ended, and this daemon had not stopped PostgreSQL",
        (boot_time_ns() - fired) / 1'000'000);
  }
}

void Guard::keep(const Order& order) {
  auto& me = *impl_;
  const bool needed = enabled_ && order.until;
  if (!needed && !me.page && !me.former) return;
  if (!me.start(core::Instant(core::Duration(boot_time_ns()))) && !me.page) return;
  me.page->postmaster_pid.store(order.postmaster);
  const auto bound = needed ? (*order.until - margin(order.length)).time_since_epoch().count() : 0;
  me.page->deadline_ns.store(bound);
  // Until the new guard is ready, the former one has the same bound.
  if (me.former) me.former->deadline_ns.store(bound);
  me.dismiss_former();
  me.report();
}

void Guard::on_end(std::function<void()> call) { impl_->on_end = std::move(call); }

core::FenceView Guard::view() const {
  const auto& me = *impl_;
  core::FenceView view;
  if (!enabled_) return view;
  view.unguarded = me.trouble;
  const bool ready = me.running && !me.running->has_ended() && me.page->guard_pid.load() != 0;
  if (view.unguarded.empty() && ready && core::Duration(boot_time_ns() - me.page->looked_ns.load()) > silence_max) {
    view.unguarded = fmt::format(
        "the guard (pid {}) does not run, it may be stopped; while this lasts, a primary whose daemon is frozen can go "
        "on writing",
        me.page->guard_pid.load());
  }
  view.guarded = ready && view.unguarded.empty();
  return view;
}

std::string guard_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / "tamada-guard";
  if (!error && std::filesystem::exists(beside, error)) return beside;
  return self.parent_path().parent_path() / "libexec" / "tamada" / "tamada-guard";
}

}  // namespace tamada::fence
