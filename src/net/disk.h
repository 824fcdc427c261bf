// Work that waits for a disk. One thread does it in the order of the requests while the loop goes on.
// A disk that hangs then delays only the coroutine that asked, and neither the lease nor the REST API.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "net/asio.h"

namespace tamada::net {

asio::any_io_executor disk_thread();
// The thread of the small writes that probe the disk. They show how the disk works, and not how long other work takes.
// One that hangs delays no other work.
asio::any_io_executor disk_probe_thread();

// Runs `work` on the thread. `work` must own, or have copied, everything that it uses. It is never interrupted: a
// coroutine that is cancelled meanwhile throws after the work has ended.
template <class Work>
awaitable<std::invoke_result_t<Work&>> on_thread(asio::any_io_executor thread, Work work) {
  using Value = std::invoke_result_t<Work&>;
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  const auto begin = [loop, thread](auto handler, Work given) {
    auto there = [guard = asio::make_work_guard(loop), handler = std::move(handler),
                  given = std::move(given)]() mutable {
      std::exception_ptr thrown;
      Value value{};
      try {
        value = given();
      } catch (...) {
        thrown = std::current_exception();
      }
      // The guard goes along, because the loop may end with the handler, and the guard refers to the loop.
      const auto to = guard.get_executor();
      asio::post(to, [guard = std::move(guard), handler = std::move(handler), thrown,
                      value = std::move(value)]() mutable { std::move(handler)(thrown, std::move(value)); });
    };
    asio::post(thread, std::move(there));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Value)>(
      begin, use_awaitable, std::move(work));
}

template <class Work>
awaitable<std::invoke_result_t<Work&>> on_disk_thread(Work work) {
  return on_thread(disk_thread(), std::move(work));
}

}  // namespace tamada::net
