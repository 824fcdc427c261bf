// Runs the operator's scripts as `CMD ACTION ROLE SCOPE`, one at a time: a newer call ends the running one, and if
// several calls wait for that end, only the newest of them is run. on_reload runs independently of the others. Source:
// Patroni's documentation of `postgresql.callbacks` and its behaviour.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/asio.h"
#include "net/process.h"

namespace tamada::agent {

class Callbacks {
 public:
  Callbacks(asio::any_io_executor executor, std::map<std::string, std::string> commands, std::string scope);
  // The script is running when this returns, unless a previous script has to end first. So the daemon may call this as
  // its last step before it exits.
  void call(const std::string& action, const std::string& role);
  void commands(std::map<std::string, std::string> commands) { commands_ = std::move(commands); }

 private:
  using Arguments = std::vector<std::string>;
  struct Lane {
    std::optional<net::Process> running;
    std::optional<Arguments> waiting;
  };
  void start(const std::shared_ptr<Lane>& lane, Arguments argv);
  awaitable<void> await_end(std::shared_ptr<Lane> lane, std::string what);

  asio::any_io_executor executor_;
  std::map<std::string, std::string> commands_;
  std::string scope_;
  std::shared_ptr<Lane> main_ = std::make_shared<Lane>(), reload_ = std::make_shared<Lane>();
};

}  // namespace tamada::agent
