#include "agent/callbacks.h"

#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "net/log.h"
#include "net/words.h"

namespace tamada::agent {

Callbacks::Callbacks(asio::any_io_executor executor, std::map<std::string, std::string> commands, std::string scope)
    : executor_(executor), commands_(std::move(commands)), scope_(std::move(scope)) {}

void Callbacks::call(const std::string& action, const std::string& role) {
  const auto command = commands_.find(action);
  if (command == commands_.end()) return;
  auto argv = net::split_words(command->second);
  if (!argv) {
    log::error("callback {}: {}", action, argv.error().what);
    return;
  }
  argv->insert(argv->end(), {action, role, scope_});
  const auto& lane = action == "on_reload" ? reload_ : main_;
  if (!lane->running) {
    start(lane, std::move(*argv));
    return;
  }
  lane->waiting = std::move(*argv);
  lane->running->signal_group(SIGKILL);
}

void Callbacks::start(const std::shared_ptr<Lane>& lane, Arguments argv) {
  const std::string what = argv[argv.size() - 3] + " " + argv[argv.size() - 2];
  auto process = net::Process::spawn(executor_, {.argv = std::move(argv)});
  if (!process) {
    log::error("callback {}: {}", what, process.error().what);
    return;
  }
  lane->running = std::move(*process);
  asio::co_spawn(executor_, await_end(lane, what), asio::detached);
}

awaitable<void> Callbacks::await_end(std::shared_ptr<Lane> lane, std::string what) {
  const auto exited = co_await lane->running->wait();
  lane->running.reset();
  if (lane->waiting) {
    log::info("callback {} was ended because of a newer one", what);
    auto next = *std::move(lane->waiting);
    lane->waiting.reset();
    start(lane, std::move(next));
  } else if (!exited.ok()) {
    log::warning("callback {} ended with status {}", what, exited.status);
  }
}

}  // namespace tamada::agent
