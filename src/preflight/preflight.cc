#include "preflight/preflight.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "net/log.h"

namespace tamada::preflight {
namespace {

using Grade = Finding::Grade;

void append(Findings& to, Findings from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::size_t count(const Findings& findings, Grade grade) {
  return static_cast<std::size_t>(std::ranges::count(findings, grade, &Finding::grade));
}

}  // namespace

awaitable<Findings> check(asio::any_io_executor executor, const config::Local& local) {
  auto server = co_await check_server(executor, local);
  auto findings = co_await check_node(executor, local, server.running);
  append(findings, std::move(server.findings));
  append(findings, co_await check_dcs(local, server.system_identifier));
  co_return findings;
}

std::string text(const Findings& findings) {
  std::string out;
  for (const auto& finding : findings) {
    out += finding.grade == Grade::good ? "ok       " : finding.grade == Grade::warning ? "WARNING  " : "ERROR    ";
    out += finding.what + "\n";
    if (!finding.remedy.empty()) out += "         -> " + finding.remedy + "\n";
  }
  const auto errors = count(findings, Grade::error), warnings = count(findings, Grade::warning);
  out += errors == 0 ? "This node may be started" : std::to_string(errors) + " thing(s) to repair before the start";
  out += warnings == 0 ? ".\n" : "; " + std::to_string(warnings) + " warning(s).\n";
  return out;
}

int run(const std::string& file, const std::map<std::string, std::string>& environment) {
  const auto loaded = config::load(file, environment);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().what.c_str());
    return 1;
  }
  log::start(log::Level::error);
  for (const auto& text : loaded->warnings) std::printf("WARNING  %s\n", text.c_str());
  asio::io_context io;
  Findings findings;
  asio::co_spawn(io, check(io.get_executor(), loaded->local),
                 [&findings, &io](std::exception_ptr thrown, Findings found) {
                   if (thrown) std::rethrow_exception(thrown);
                   findings = std::move(found);
                   io.stop();
                 });
  io.run();
  log::stop();
  std::fputs(text(findings).c_str(), stdout);
  return passed(findings) ? 0 : 1;
}

bool passed(const Findings& findings) { return count(findings, Grade::error) == 0; }

}  // namespace tamada::preflight
