// The local server's process: finds it, launches it, watches it, stops it.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/action.h"
#include "postgres/configuration_files.h"
#include "postgres/postmaster.h"

namespace tamada::postgres {

class Server {
 public:
  Server(asio::any_io_executor executor, const Paths& paths) : executor_(std::move(executor)), paths_(paths) {}
  ~Server() { stop_watching(); }

  void on_exit(std::function<void()> callback) { on_exit_ = std::move(callback); }
  // The running postmaster; if somebody else started it, it is adopted. nullptr when none runs.
  std::shared_ptr<Postmaster> current();
  bool crashed() const { return crashed_; }

  // Waits until the children of a killed postmaster have ended, because they hold its shared memory and might still
  // write.
  awaitable<core::Result<void>> wait_for_orphans();
  core::Result<std::shared_ptr<Postmaster>> launch(std::vector<std::string> argv);
  // Waits until the server accepts connections. timeout zero: no limit.
  awaitable<core::Result<void>> wait_until_ready(std::shared_ptr<Postmaster> postmaster, core::Duration timeout);
  awaitable<core::Result<void>> stop(core::StopMode mode, core::Duration timeout);
  void reload();
  std::string status() const;  // the last line of postmaster.pid: starting, ready, standby, stopping

 private:
  void hold(std::shared_ptr<Postmaster> postmaster);
  void stop_watching();
  void retire(const std::shared_ptr<Postmaster>& postmaster);
  // alive: expired if this object is gone when the process ends.
  static awaitable<void> watch(Server* server, std::weak_ptr<const bool> alive, std::shared_ptr<Postmaster> postmaster);

  asio::any_io_executor executor_;
  const Paths& paths_;
  std::shared_ptr<Postmaster> current_;
  std::shared_ptr<asio::cancellation_signal> watching_;  // the watch holds it, too, because it must outlive the wait
                                                         // that it cancels
  std::function<void()> on_exit_;
  bool crashed_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace tamada::postgres
