#include "agent/service_manager.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "api/health.h"

namespace tamada::agent {

namespace {

long long monotonic_us() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000LL + t.tv_nsec / 1000;
}

std::string lease_text(const core::Observation& seen) {
  if (!seen.dcs.ok) return seen.cluster.loaded ? "etcd does not answer" : "waiting for etcd";
  if (seen.holds_leader_key()) {
    return fmt::format("holds the leader lease (ttl {} s)",
                       std::chrono::duration_cast<std::chrono::seconds>(seen.lease.ttl).count());
  }
  if (seen.cluster.unlocked()) return "no leader";
  return "the leader is " + seen.cluster.leader->name;
}

}  // namespace

std::string status_line(const api::Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  std::string text = snapshot.role + ", " + snapshot.state;
  if (seen.postgres.sql && seen.postgres.sql->timeline != 0) {
    text += fmt::format(", timeline {}", seen.postgres.sql->timeline);
  }
  return text + "; " + lease_text(seen) + (seen.settings.pause ? "; paused" : "");
}

ServiceManager::ServiceManager(asio::any_io_executor executor, net::Clock& clock, api::Board& board,
                               net::NotifySocket socket)
    : clock_(clock), board_(board), socket_(std::move(socket)), timer_(executor) {
  if (!socket_.listened()) return;
  board_.on_publish([this](const auto& snapshot) { published(*snapshot); });
  if (socket_.watchdog()) feed_watchdog();
}

void ServiceManager::published(const api::Snapshot& snapshot) {
  std::string lines;
  if (ready_due_) lines += "READY=1\n";
  ready_due_ = false;
  if (auto line = status_line(snapshot); line != line_) {
    lines += "STATUS=" + line + "\n";
    line_ = std::move(line);
  }
  if (!lines.empty()) socket_.send(lines);
}

void ServiceManager::reloading() { socket_.send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_us())); }

void ServiceManager::reloaded() { ready_due_ = true; }

void ServiceManager::stopping() { socket_.send("STOPPING=1\n"); }

void ServiceManager::feed_watchdog() {
  // A daemon whose loop runs while its agent hangs is not alive, so the answer of /liveness decides.
  if (api::health(*board_.latest(), clock_.now(), "/liveness", "") == 200) socket_.send("WATCHDOG=1\n");
  timer_.expires_after(*socket_.watchdog() / 3);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) feed_watchdog();
  });
}

}  // namespace tamada::agent
