// The operator's scripts: `CMD ACTION ROLE SCOPE`. One at a time: a newer call ends the one that runs, and of those
// that wait for its end the newest wins; on_reload has a lane of its own. Source: Patroni's documentation of
// `postgresql.callbacks` and its behaviour.
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
  // The script is running when this returns, unless a former one has to end first: a daemon that leaves may call it
  // last.
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
