#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "ctl/commands.h"
#include "ctl/dry_run.h"
#include "ctl/member_choice.h"
#include "ctl/prompt.h"
#include "ctl/reinit_progress.h"
#include "ctl/terminal.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

// Returns whether the copy began.
core::Result<bool> start(Session& session, const core::Member& member, const ReinitOptions& options) {
  Json body = {{"force", options.force}, {"from_leader", options.from_leader}};
  for (;;) {
    const auto answer = session.request(member, "POST", "reinitialize", &body);
    if (!answer) return std::unexpected(answer.error());
    if (check_response(*answer, member.name, "reinitialize")) {
      // The answer may add that the old data are not kept meanwhile.
      if (const auto more = answer->body.find("; "); more != std::string::npos) {
        echo(member.name + ": " + answer->body.substr(more + 2) + "\n");
      }
      return true;
    }
    if (!answer->body.ends_with(" already in progress") || body["force"] == true) return false;
    const auto again = confirm("Do you want to cancel it and reinitialize anyway?");
    if (!again) return stopped();
    if (!*again) return false;
    body["force"] = true;
  }
}

// One member whose copy is awaited.
struct Waiting {
  core::Member member;
  std::chrono::steady_clock::time_point since;
  bool seen = false;  // the copy has begun
};

bool is_done(Waiting& waiting, const Json& status) {
  const bool copying = wire::text_at(status, "state") == "creating replica";
  waiting.seen |= copying;
  // The state changes some time after the request was accepted. Patroni's command, too, looks for the first time after
  // 2 s.
  return !copying && (waiting.seen || std::chrono::steady_clock::now() - waiting.since > 2s);
}

void show_progress(const std::string& text) {
  if (is_terminal()) send("\r" + std::string(fit(printable(text), terminal_size().columns)) + "\033[K");
}

// Returns how many copies failed.
int wait(Session& session, std::vector<Waiting> waiting) {
  int failed = 0;
  std::size_t shown = 0;
  while (!waiting.empty()) {
    if (shown != waiting.size()) {
      std::vector<core::Member> members;
      for (const auto& one : waiting) members.push_back(one.member);
      echo("Waiting for reinitialize to complete on: " + join_names(members) + "\n");
      shown = waiting.size();
    }
    std::this_thread::sleep_for(250ms);
    std::string progress;
    for (auto one = waiting.begin(); one != waiting.end();) {
      const auto answer = session.request(one->member, "GET", "patroni");
      const auto status = answer ? wire::parse_object(answer->body) : std::nullopt;
      if (const auto error = status ? wire::text_at(*status, "set_aside_failed") : ""; !error.empty()) {
        show_progress("");
        echo("Reinitialize has failed on: " + one->member.name + " (" + error + ")\n");
        ++failed;
        one = waiting.erase(one);
        continue;
      }
      if (status && is_done(*one, *status)) {
        show_progress("");
        echo("Reinitialize is completed on: " + one->member.name + "\n");
        one = waiting.erase(one);
        continue;
      }
      const auto text = status ? reinit_progress(*status) : "no answer: " + answer.error().what;
      if (!text.empty()) progress += (progress.empty() ? "" : "; ") + one->member.name + ": " + text;
      ++one;
    }
    if (!waiting.empty()) show_progress(progress);
  }
  return failed;
}

}  // namespace

Done reinit(Session& session, const ReinitOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto members = choose_members(session, *cluster, options, {.action = "reinitialize", .role_shown = "replica"});
  if (!members) return std::unexpected(members.error());
  if (options.dry_run) return foretell_reinit(session, *cluster, *members, options);
  if (!options.force) {
    if (auto sure = confirm_members(*members, "reinitialize"); !sure) return sure;
  }
  Tally tally;
  std::vector<Waiting> waiting;
  for (const auto& member : *members) {
    const auto started = start(session, member, options);
    if (!started && started.error().what == aborted) return stopped();
    if (!started) {
      report_unreachable("reinitialize", member, started.error());
      ++tally.silent;
    } else if (!*started) {
      ++tally.failed;
    } else if (options.wait) {
      waiting.push_back({.member = member, .since = std::chrono::steady_clock::now()});
    }
  }
  tally.failed += wait(session, std::move(waiting));
  return outcome(tally);
}

}  // namespace tamada::ctl
