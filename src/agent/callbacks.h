// The operator's scripts: `CMD ACTION ROLE SCOPE`. One at a time; of those that wait, the newest wins.
// Source: Patroni's documentation of `postgresql.callbacks`.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "net/asio.h"

namespace tamada::agent {

class Callbacks {
 public:
  Callbacks(asio::any_io_executor executor, std::map<std::string, std::string> commands, std::string scope);
  void call(const std::string& action, const std::string& role);
  void commands(std::map<std::string, std::string> commands) { commands_ = std::move(commands); }

 private:
  struct Call {
    std::string action, role;
  };
  awaitable<void> work();

  asio::any_io_executor executor_;
  std::map<std::string, std::string> commands_;
  std::string scope_;
  std::optional<Call> waiting_;
  bool working_ = false;
};

}  // namespace tamada::agent
