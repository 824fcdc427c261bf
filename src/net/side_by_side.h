// Asks several parties at once, and waits for all answers.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <map>
#include <memory>
#include <string>

#include "net/asio.h"
#include "net/event.h"

namespace tamada::net {

// The answers by name; the answer of a question that threw an exception is empty. The questions share ownership of the
// result, because the coroutine that waits for them may be cancelled before they end.
template <class Answer>
awaitable<std::map<std::string, Answer>> side_by_side(std::map<std::string, awaitable<Answer>> questions) {
  const auto executor = co_await asio::this_coro::executor;
  struct Round {
    explicit Round(asio::any_io_executor e) : done(e) {}
    std::map<std::string, Answer> answers;
    std::size_t open = 0;
    Event done;
  };
  const auto round = std::make_shared<Round>(executor);
  round->open = questions.size();
  for (auto& [name, question] : questions) {
    asio::co_spawn(executor, std::move(question), [round, name](std::exception_ptr thrown, Answer answer) {
      if (!thrown) round->answers[name] = std::move(answer);
      round->answers.try_emplace(name);
      if (--round->open == 0) round->done.notify();
    });
  }
  if (round->open > 0) co_await round->done.wait();
  co_return round->answers;
}

}  // namespace tamada::net
