// Runs the one long operation beside the agent's cycle, so that the lease is renewed meanwhile.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <functional>

#include "core/action.h"
#include "core/observation.h"
#include "net/clock.h"
#include "postgres/postgres.h"

namespace tamada::agent {

class Jobs {
 public:
  Jobs(asio::any_io_executor executor, postgres::Postgres& postgres, const net::Clock& clock,
       std::function<void()> on_end);

  // Precondition: no job runs.
  void start(core::StartJob spec);
  void cancel();
  core::JobView view() const;

 private:
  awaitable<core::Result<void>> run(core::StartJob spec);
  void take_progress(core::JobView& into) const;

  asio::any_io_executor executor_;
  postgres::Postgres& postgres_;
  const net::Clock& clock_;
  std::function<void()> on_end_;
  core::JobView view_;
  asio::cancellation_signal cancel_;
};

}  // namespace tamada::agent
