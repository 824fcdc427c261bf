#include "postgres/wal_senders.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <set>

#include "net/process.h"

namespace tamada::postgres {

struct WalSenders::Watched {
  Watched(const asio::any_io_executor& executor, int given) : pid(given), process(executor, given) {}
  void forget() {
    forgotten = true;
    stop.emit(asio::cancellation_type::terminal);
  }

  int pid;
  net::ExitWatch process;
  asio::cancellation_signal stop;
  bool forgotten = false;
};

WalSenders::~WalSenders() {
  for (const auto& [pid, watched] : watched_) watched->forget();
}

awaitable<void> WalSenders::wait(WalSenders* senders, std::shared_ptr<Watched> watched) {
  co_await watched->process.ended();
  if (watched->forgotten) co_return;
  senders->watched_.erase(watched->pid);
  if (senders->on_end_) senders->on_end_();
}

void WalSenders::watch(const std::vector<core::ReplicationConnection>& connections) {
  std::set<int> wanted;
  for (const auto& connection : connections) {
    if (connection.sync_priority > 0 && connection.pid > 0) wanted.insert(connection.pid);
  }
  std::erase_if(watched_, [&](const auto& entry) {
    const bool gone = !wanted.contains(entry.first);
    if (gone) entry.second->forget();
    return gone;
  });
  for (const int pid : wanted) {
    if (watched_.contains(pid)) continue;
    auto watched = std::make_shared<Watched>(executor_, pid);
    // A server in another PID namespace tells ids that mean nothing here.
    if (!watched->process.ok()) continue;
    watched_[pid] = watched;
    asio::co_spawn(executor_, wait(this, watched),
                   asio::bind_cancellation_slot(watched->stop.slot(), [watched](std::exception_ptr) {}));
  }
}

}  // namespace tamada::postgres
