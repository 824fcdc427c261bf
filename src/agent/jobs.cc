#include "agent/jobs.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "net/log.h"

namespace tamada::agent {

using core::JobKind;
using core::JobState;

Jobs::Jobs(asio::any_io_executor executor, postgres::Postgres& postgres, const net::Clock& clock,
           std::function<void()> on_end)
    : executor_(executor), postgres_(postgres), clock_(clock), on_end_(std::move(on_end)) {}

awaitable<core::Result<void>> Jobs::run(core::StartJob spec) {
  switch (spec.kind) {
    case JobKind::bootstrap:
      co_return co_await postgres_.bootstrap();
    case JobKind::basebackup:
      co_return co_await postgres_.basebackup(spec.upstream, spec.replica_methods);
    case JobKind::rewind:
      co_return co_await postgres_.rewind(spec.upstream);
    case JobKind::start:
      co_return co_await postgres_.start(spec.as_standby ? &spec.upstream : nullptr, spec.timeout);
    case JobKind::stop: {
      auto stopped = co_await postgres_.stop(spec.stop_mode, spec.checkpoint_first, spec.timeout);
      if (stopped && spec.archive_last_wal) {
        // If archiving fails, a standby that gets WAL from the archive has to be rewound later, which is no reason to
        // keep this server stopped.
        if (auto done = co_await postgres_.archive_last_wal(); !done) log::error("{}", done.error().what);
      }
      co_return stopped;
    }
    case JobKind::promote:
      co_return co_await postgres_.promote();
    case JobKind::copy_slots:
      co_return co_await postgres_.copy_slots(spec.upstream, spec.slots);
    case JobKind::none:
      break;
  }
  co_return core::fail("no such job");
}

namespace {

std::optional<core::Instant> immediate_at(const core::StartJob& spec, core::Instant now) {
  if (spec.kind != JobKind::stop) return std::nullopt;
  if (spec.stop_mode == core::StopMode::immediate) return now;
  if (spec.timeout == core::Duration{}) return std::nullopt;
  return now + spec.timeout * (spec.checkpoint_first ? 2 : 1);  // the checkpoint and the stop have the same limit
}

}  // namespace

void Jobs::start(core::StartJob spec) {
  const bool as_primary = spec.kind == JobKind::promote || (spec.kind == JobKind::start && !spec.as_standby);
  view_ = {.kind = spec.kind,
           .state = JobState::running,
           .as_primary = as_primary,
           .id = view_.id + 1,
           .started_at = clock_.now(),
           .ended_at = {},
           .immediate_at = immediate_at(spec, clock_.now()),
           .error = {},
           .cancelled_at = {}};
  const auto done = [this](std::exception_ptr thrown, core::Result<void> result) {
    take_progress(view_);
    view_.ended_at = clock_.now();
    if (thrown) {
      view_.state = JobState::failed;
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        view_.error = error.what();
      }
    } else {
      view_.state = result ? JobState::succeeded : JobState::failed;
      if (!result) view_.error = result.error().what;
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(view_.ended_at - view_.started_at).count();
    if (view_.state == JobState::succeeded) {
      log::info("{} took {} ms", core::name(view_.kind), took);
    } else {
      log::error("{} failed after {} ms: {}", core::name(view_.kind), took, view_.error);
    }
    on_end_();
  };
  asio::co_spawn(executor_, run(std::move(spec)), asio::bind_cancellation_slot(cancel_.slot(), done));
}

void Jobs::take_progress(core::JobView& into) const {
  const auto progress = postgres_.progress();
  if (progress.what.empty() || progress.since < view_.started_at) return;  // the progress is of an earlier job
  into.step = progress.what;
  into.step_since = progress.since;
  into.bytes_done = progress.bytes_done;
  into.bytes_total = progress.bytes_total;
}

core::JobView Jobs::view() const {
  auto view = view_;
  if (view.running()) take_progress(view);
  return view;
}

void Jobs::cancel() {
  if (!view_.running()) return;
  view_.cancelled_at = clock_.now();
  cancel_.emit(asio::cancellation_type::terminal);
}

}  // namespace tamada::agent
