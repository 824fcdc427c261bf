#include "postgres/script.h"

#include <fmt/format.h>

#include "net/log.h"
#include "net/process.h"
#include "net/words.h"

namespace tamada::postgres {

awaitable<core::Result<void>> run_script(Script script, core::Duration timeout) {
  auto argv = net::split_words(script.command);
  if (!argv) co_return core::fail(script.what + ": " + argv.error().what);
  argv->insert(argv->end(), script.arguments.begin(), script.arguments.end());
  log::info("running {}: {}", script.what, script.command);
  net::SpawnOptions options{.argv = std::move(*argv), .env = std::move(script.env), .capture = true};
  options.on_line = [what = script.what](std::string_view line) { log::info("{}: {}", what, line); };
  const auto done = co_await net::run(std::move(options), timeout);
  if (!done) co_return core::fail(script.what + ": " + done.error().what);
  log::info("{} exited with {}", script.what, done->status);
  if (done->ok()) co_return core::Result<void>();
  co_return core::fail(fmt::format("{}: {} exited with code={}", script.what, script.command, done->status));
}

std::vector<std::string> method_arguments(const config::Method& method) {
  std::vector<std::string> result;
  for (const auto& [key, value] : method.arguments) result.push_back("--" + key + "=" + value);
  return result;
}

}  // namespace tamada::postgres
