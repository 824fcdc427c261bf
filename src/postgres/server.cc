#include "postgres/server.h"

#include <signal.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "net/log.h"

namespace tamada::postgres {
namespace {

constexpr core::Duration end_poll = std::chrono::milliseconds(10);
constexpr core::Duration orphans_wait = std::chrono::seconds(5);
constexpr core::Duration immediate_wait = std::chrono::seconds(6);  // the postmaster itself kills its children after 5
constexpr core::Duration kill_wait = std::chrono::seconds(10);

}  // namespace

std::shared_ptr<Postmaster> Server::current() {
  if (current_ && !current_->alive()) retire(current_);
  if (!current_) {
    if (auto found = Postmaster::find(executor_, paths_.data_dir)) hold(std::move(found));
  }
  return current_;
}

void Server::hold(std::shared_ptr<Postmaster> postmaster) {
  stop_watching();
  current_ = std::move(postmaster);
  crashed_ = false;
  watching_ = std::make_shared<asio::cancellation_signal>();
  const auto done = [watching = watching_](std::exception_ptr) {};
  asio::co_spawn(executor_, watch(this, alive_, current_), asio::bind_cancellation_slot(watching_->slot(), done));
}

void Server::stop_watching() {
  if (watching_) watching_->emit(asio::cancellation_type::terminal);
  watching_.reset();
}

void Server::retire(const std::shared_ptr<Postmaster>& postmaster) {
  if (current_ != postmaster) return;
  crashed_ = !postmaster->asked_to_stop;
  current_.reset();
}

awaitable<void> Server::watch(Server* server, std::weak_ptr<const bool> alive, std::shared_ptr<Postmaster> postmaster) {
  co_await postmaster->ended_within(core::Duration::zero());
  if (alive.expired()) co_return;
  if (!postmaster->asked_to_stop) log::warning("postgres (pid {}) ended", postmaster->pid());
  server->retire(postmaster);
  if (server->on_exit_) server->on_exit_();
}

awaitable<core::Result<void>> Server::wait_for_orphans() {
  if (co_await server_processes_gone(paths_.data_dir, orphans_wait)) co_return core::Result<void>();
  log::warning("processes of a previous postgres or pg_rewind are still there after 5 s; killing them");
  if (co_await kill_server_processes(paths_.data_dir, kill_wait)) co_return core::Result<void>();
  co_return core::fail("processes of a previous postgres or pg_rewind do not end, not even by SIGKILL");
}

core::Result<std::shared_ptr<Postmaster>> Server::launch(std::vector<std::string> argv) {
  auto postmaster = Postmaster::launch(executor_, std::move(argv), paths_.data_dir);
  if (!postmaster) return std::unexpected(postmaster.error());
  log::info("postmaster pid={}", (*postmaster)->pid());
  hold(*postmaster);
  return postmaster;
}

std::string Server::status() const {
  const auto file = read_postmaster_pid(paths_.data_dir);
  return file && current_ && file->pid == current_->pid() ? file->status : "";
}

awaitable<core::Result<void>> Server::wait_until_ready(std::shared_ptr<Postmaster> postmaster, core::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto said = status();
    if (said == "ready" || said == "standby") {
      postmaster->seen_running = true;
      co_return core::Result<void>();
    }
    if (co_await postmaster->ended_within(end_poll)) {
      co_return core::fail("postgres ended while starting; its log says why");
    }
    if (timeout > timeout.zero() && std::chrono::steady_clock::now() >= deadline) {
      co_return core::fail("postgres is still starting after the time allowed for it");
    }
  }
}

awaitable<core::Result<void>> Server::stop(core::StopMode mode, core::Duration timeout) {
  const auto postmaster = current();
  if (!postmaster) co_return co_await wait_for_orphans();
  postmaster->asked_to_stop = true;
  bool ended = false;
  if (mode == core::StopMode::fast) {
    postmaster->signal(SIGINT);
    ended = co_await postmaster->ended_within(timeout);
    if (!ended) log::warning("postgres did not stop in the time allowed for it; stopping it at once");
  }
  if (!ended) {
    postmaster->signal(SIGQUIT);
    const bool limited = mode == core::StopMode::immediate && timeout > timeout.zero();
    ended = co_await postmaster->ended_within(limited ? std::min(timeout, immediate_wait) : immediate_wait);
  }
  if (!ended) {
    postmaster->signal(SIGKILL);
    co_await kill_server_processes(paths_.data_dir, kill_wait);
    ended = co_await postmaster->ended_within(kill_wait);
  }
  if (!ended) co_return core::fail("postgres does not end, not even by SIGKILL");
  retire(postmaster);
  co_return co_await wait_for_orphans();
}

void Server::reload() {
  if (const auto postmaster = current()) postmaster->signal(SIGHUP);
}

}  // namespace tamada::postgres
