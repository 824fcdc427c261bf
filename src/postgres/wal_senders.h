// Tells at once when a synchronous standby's connection ends: its WAL sender is a process of this server, and commits
// wait for the standby until synchronous_standby_names no longer asks for it.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "core/postgres_view.h"
#include "net/asio.h"

namespace tamada::postgres {

class WalSenders {
 public:
  explicit WalSenders(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~WalSenders();
  void on_end(std::function<void()> callback) { on_end_ = std::move(callback); }
  // Watches the WAL senders of the synchronous standbys among these connections, and no others.
  void watch(const std::vector<core::ReplicationConnection>& connections);

 private:
  struct Watched;
  static awaitable<void> wait(WalSenders* senders, std::shared_ptr<Watched> watched);

  asio::any_io_executor executor_;
  std::function<void()> on_end_;
  std::map<int, std::shared_ptr<Watched>> watched_;  // by the process id
};

}  // namespace tamada::postgres
