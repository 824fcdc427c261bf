#include "sim/campaign.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <vector>

#include "sim/coverage.h"
#include "sim/trace.h"

namespace tamada::sim {

std::string report(std::uint64_t seed, const Outcome& outcome, const std::string& repeated) {
  auto text = fmt::format("seed {} FAILED, {} nodes\n", seed, outcome.nodes);
  for (const auto& violation : outcome.violations) text += "  " + violation + "\n";
  return text + outcome.story + fmt::format("replay: tamada-sim --seed {}{} --trace\n", seed, repeated);
}

namespace {

using Clock = std::chrono::steady_clock;

// What the process that ran a seed sends over a pipe; the text and the lines of the coverage follow it.
struct SeedResult {
  std::uint64_t seed, failed, text_length, coverage_length;
  Statistics statistics;
  double simulated_s, recovered_s;
};

struct Total {
  std::uint64_t runs = 0, failed = 0, commits = 0, promised = 0, lost = 0, failovers = 0, handovers = 0, overlaps = 0;
  double simulated_s = 0, slowest_s = 0;
  Clock::time_point began = Clock::now();

  void add(const SeedResult& result) {
    ++runs;
    failed += result.failed;
    commits += result.statistics.commits;
    promised += result.statistics.promised;
    lost += result.statistics.lost;
    failovers += result.statistics.failovers;
    handovers += result.statistics.handovers;
    overlaps += result.statistics.frozen_overlaps;
    simulated_s += result.simulated_s;
    slowest_s = std::max(slowest_s, result.recovered_s);
  }
  double took_s() const { return std::chrono::duration<double>(Clock::now() - began).count(); }
  std::string speed() const {
    return fmt::format("{} runs, {} failed, {:.1f} seeds/s, {:.1f} simulated h ({:.0f} h/h)", runs, failed,
                       static_cast<double>(runs) / took_s(), simulated_s / 3600, simulated_s / took_s());
  }
  std::string all() const {
    return speed() + fmt::format(
                         ", {} failovers ({} clean), {} of {} writes lost ({} were under the key sync, and none of "
                         "those may be), {} overlaps out of control, slowest "
                         "recovery {:.0f} s",
                         failovers, handovers, lost, commits, promised, overlaps, slowest_s);
  }
};

std::string bar(std::uint64_t done, std::uint64_t all) {
  constexpr std::uint64_t width = 30;
  if (all == 0) return "";
  const auto full = std::min(width, done * width / all);
  return fmt::format("[{}{}] {}% ", std::string(full, '#'), std::string(width - full, '.'), done * 100 / all);
}

void write_all(int fd, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const auto written = ::write(fd, at, size);
    if (written <= 0) std::_Exit(3);
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

bool read_all(int fd, void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const auto got = ::read(fd, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

[[noreturn]] void work(const Campaign& campaign, int worker, int pipe) {
  const auto jobs = static_cast<std::uint64_t>(campaign.jobs);
  for (auto seed = campaign.first + static_cast<std::uint64_t>(worker); seed <= campaign.last; seed += jobs) {
    auto options = campaign.options;
    options.seed = seed;
    const auto outcome = simulate(std::move(options));
    const bool failed = !outcome.violations.empty();
    const auto text = failed ? report(seed, outcome, campaign.repeated) : std::string();
    std::string reached;
    for (const auto& entry : outcome.reached) reached += entry + '\n';
    const SeedResult result{.seed = seed,
                            .failed = failed ? 1u : 0u,
                            .text_length = text.size(),
                            .coverage_length = reached.size(),
                            .statistics = outcome.statistics,
                            .simulated_s = Trace::seconds(outcome.simulated),
                            .recovered_s = Trace::seconds(outcome.recovered_after)};
    write_all(pipe, &result, sizeof result);
    write_all(pipe, text.data(), text.size());
    write_all(pipe, reached.data(), reached.size());
  }
  std::_Exit(0);
}

struct Worker {
  pid_t pid = 0;
  int pipe = -1;
};

std::vector<Worker> start(const Campaign& campaign) {
  std::vector<Worker> workers;
  for (int number = 0; number < campaign.jobs; ++number) {
    int ends[2];
    if (::pipe(ends) != 0) return workers;
    std::fflush(stdout);
    const auto pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      work(campaign, number, ends[1]);
    }
    ::close(ends[1]);
    workers.push_back({pid, ends[0]});
  }
  return workers;
}

class Progress {
 public:
  explicit Progress(const Campaign& campaign)
      : all_(campaign.last == ~std::uint64_t{0} ? 0 : campaign.last - campaign.first + 1) {}

  void take(const SeedResult& result, const std::string& text) {
    total.add(result);
    if (result.failed != 0) std::printf("%s%s", terminal_ ? "\r\033[K" : "", text.c_str());
    const auto now = Clock::now();
    if (now - shown_ < (terminal_ ? std::chrono::milliseconds(500) : std::chrono::milliseconds(30'000))) return;
    shown_ = now;
    std::printf("%s%s%s%s", terminal_ ? "\r\033[K" : "", bar(total.runs, all_).c_str(), total.speed().c_str(),
                terminal_ ? "" : "\n");
    std::fflush(stdout);
  }
  void end() const { std::printf("%s%s\n", terminal_ ? "\r\033[K" : "", total.all().c_str()); }

  Total total;

 private:
  std::uint64_t all_;
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
  Clock::time_point shown_ = Clock::now();
};

}  // namespace

std::uint64_t run(const Campaign& campaign) {
  Progress progress(campaign);
  CoverageCount coverage;
  auto workers = start(campaign);
  bool stop = false;
  while (!workers.empty()) {
    std::vector<pollfd> polled;
    for (const auto& worker : workers) polled.push_back({.fd = worker.pipe, .events = POLLIN, .revents = 0});
    ::poll(polled.data(), polled.size(), -1);
    for (std::size_t i = workers.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      SeedResult result{};
      std::string text, reached;
      bool alive = read_all(workers[i].pipe, &result, sizeof result);
      if (alive) {
        text.resize(result.text_length);
        reached.resize(result.coverage_length);
        alive = read_all(workers[i].pipe, text.data(), text.size()) &&
                read_all(workers[i].pipe, reached.data(), reached.size());
      }
      if (alive && !stop) {
        progress.take(result, text);
        coverage.add(reached);
      }
      stop = stop || (alive && result.failed != 0 && !campaign.keep_going);
      if (stop) ::kill(workers[i].pid, SIGKILL);
      if (alive && !stop) continue;
      ::close(workers[i].pipe);
      int status = 0;
      ::waitpid(workers[i].pid, &status, 0);
      if (!stop && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        std::printf("a worker died, status %d\n", status);
        ++progress.total.failed;
      }
      workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (stop) {
      for (const auto& worker : workers) ::kill(worker.pid, SIGKILL);
    }
  }
  progress.end();
  if (campaign.options.coverage) std::fputs(coverage.report().c_str(), stdout);
  return progress.total.failed;
}

}  // namespace tamada::sim
