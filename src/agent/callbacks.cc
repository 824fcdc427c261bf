#include "agent/callbacks.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "net/log.h"
#include "net/process.h"

namespace tamada::agent {

Callbacks::Callbacks(asio::any_io_executor executor, std::map<std::string, std::string> commands, std::string scope)
    : executor_(executor), commands_(std::move(commands)), scope_(std::move(scope)) {}

void Callbacks::call(const std::string& action, const std::string& role) {
  if (!commands_.contains(action)) return;
  waiting_ = Call{action, role};
  if (working_) return;
  working_ = true;
  asio::co_spawn(executor_, work(), asio::detached);
}

awaitable<void> Callbacks::work() {
  while (waiting_) {
    const auto call = *waiting_;
    waiting_.reset();
    net::SpawnOptions options;
    // The command is a shell-like line in the configuration; its words are split by the shell, our arguments are not.
    options.argv = {"/bin/sh", "-c",  "exec " + commands_[call.action] + " \"$@\"", "callback", call.action,
                    call.role, scope_};
    auto process = net::Process::spawn(executor_, std::move(options));
    if (!process) {
      log::error("callback {}: {}", call.action, process.error().what);
      continue;
    }
    const auto exited = co_await process->wait();
    if (!exited.ok()) log::warning("callback {} {} ended with status {}", call.action, call.role, exited.status);
  }
  working_ = false;
}

}  // namespace tamada::agent
