// The simulator's command line.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sim/faults.h"
#include "sim/simulation.h"

namespace {

using namespace tamada;

constexpr const char* usage =
    "usage: tamada-sim --seed N [--trace] | --seeds A..B\n"
    "\n"
    "Runs a whole cluster in one process on virtual time, with faults, and checks it after every event.\n"
    "\n"
    "  --seed N         one run\n"
    "  --seeds A..B     a run for each seed; stops at the first that fails, unless --keep-going\n"
    "  --trace          every event, as a line\n"
    "  --nodes N        of the cluster (three or five, as the seed says)\n"
    "  --duration S     seconds of faults (900)\n"
    "  --faults A,B     only these; `none`; `list` prints them\n"
    "  --guard          with a guard process that ends a frozen daemon's PostgreSQL at its lease's deadline\n"
    "  --inject BUG     with a known bug; `list` prints them\n"
    "  --keep-going     all seeds, counting the failures\n";

struct Arguments {
  sim::Options options;
  std::uint64_t first = 1, last = 1;
  bool many = false, keep_going = false;
  std::string repeated;  // the arguments that a replay needs
};

[[noreturn]] void refuse(const char* text) {
  std::fputs(text, stderr);
  std::exit(2);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + ",") {
    if (c != ',') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

void take_faults(Arguments& arguments, const std::string& value) {
  if (value == "list") {
    for (const auto& name : sim::Faults::names()) std::puts(name.c_str());
    std::exit(0);
  }
  if (value == "none") arguments.options.no_faults = true;
  arguments.options.faults = split(value);
  const auto known = sim::Faults::names();
  for (const auto& name : arguments.options.faults) {
    if (value != "none" && std::ranges::find(known, name) == known.end()) refuse("no such fault; --faults list\n");
  }
}

void take_bug(Arguments& arguments, const std::string& value) {
  bool known = false;
  for (const auto& [name, what] : sim::known_bugs()) {
    if (value == "list") std::printf("%-28s %s\n", name.c_str(), what.c_str());
    known = known || name == value;
  }
  if (value == "list") std::exit(0);
  if (!known) refuse("no such bug; --inject list\n");
  arguments.options.bugs.name = value;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--trace") {
      arguments.options.trace = true;
      continue;
    }
    if (word == "--keep-going") {
      arguments.keep_going = true;
      continue;
    }
    if (word == "--guard") {
      arguments.options.guard = true;
      arguments.repeated += " --guard";
      continue;
    }
    if (word == "--help" || word == "-h") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (i + 1 >= argc) refuse(usage);
    const std::string value = argv[++i];
    if (word == "--seed") {
      arguments.first = arguments.last = std::strtoull(value.c_str(), nullptr, 10);
      continue;
    }
    if (word == "--seeds") {
      const auto dots = value.find("..");
      if (dots == std::string::npos) refuse(usage);
      arguments.first = std::strtoull(value.c_str(), nullptr, 10);
      arguments.last = std::strtoull(value.c_str() + dots + 2, nullptr, 10);
      arguments.many = true;
      continue;
    }
    arguments.repeated += " " + word + " " + value;
    if (word == "--nodes") {
      arguments.options.nodes = std::atoi(value.c_str());
      if (arguments.options.nodes < 1 || arguments.options.nodes > 50) refuse("--nodes: 1 to 50\n");
    } else if (word == "--duration") {
      arguments.options.duration = std::chrono::seconds(std::strtoll(value.c_str(), nullptr, 10));
    } else if (word == "--faults") {
      take_faults(arguments, value);
    } else if (word == "--inject") {
      take_bug(arguments, value);
    } else {
      refuse(usage);
    }
  }
  return arguments;
}

void report_failure(const Arguments& arguments, std::uint64_t seed, const sim::Outcome& outcome) {
  std::printf("\nseed %llu FAILED, %d nodes\n", static_cast<unsigned long long>(seed), outcome.nodes);
  for (const auto& violation : outcome.violations) std::printf("  %s\n", violation.c_str());
  std::printf("%s", outcome.story.c_str());
  std::printf("replay: tamada-sim --seed %llu%s --trace\n", static_cast<unsigned long long>(seed),
              arguments.repeated.c_str());
}

struct Total {
  std::uint64_t runs = 0, failed = 0, commits = 0, lost = 0, failovers = 0, handovers = 0, overlaps = 0, rewrites = 0;
  double simulated_s = 0, slowest_s = 0;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();

  void add(const sim::Outcome& outcome) {
    ++runs;
    failed += outcome.violations.empty() ? 0 : 1;
    commits += outcome.statistics.commits;
    lost += outcome.statistics.lost;
    failovers += outcome.statistics.failovers;
    handovers += outcome.statistics.handovers;
    overlaps += outcome.statistics.frozen_overlaps;
    rewrites += outcome.statistics.history_rewrites;
    simulated_s += sim::Trace::seconds(outcome.simulated);
    slowest_s = std::max(slowest_s, sim::Trace::seconds(outcome.recovered_after));
  }
  void print(const char* end) const {
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf(
        "%llu runs, %llu failed, %.1f seeds/s, %.1f simulated h (%.0f h/h), %llu failovers (%llu clean), %llu of %llu "
        "writes lost, %llu overlaps out of control, %llu histories rewritten, slowest recovery %.0f s%s",
        static_cast<unsigned long long>(runs), static_cast<unsigned long long>(failed),
        static_cast<double>(runs) / took, simulated_s / 3600, simulated_s / took,
        static_cast<unsigned long long>(failovers), static_cast<unsigned long long>(handovers),
        static_cast<unsigned long long>(lost), static_cast<unsigned long long>(commits),
        static_cast<unsigned long long>(overlaps), static_cast<unsigned long long>(rewrites), slowest_s, end);
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  auto arguments = parse(argc, argv);
  Total total;
  auto shown = total.began;
  for (auto seed = arguments.first; seed <= arguments.last; ++seed) {
    arguments.options.seed = seed;
    const auto outcome = sim::simulate(arguments.options);
    total.add(outcome);
    if (!outcome.violations.empty()) {
      report_failure(arguments, seed, outcome);
      if (!arguments.keep_going) break;
    } else if (!arguments.many) {
      std::printf("seed %llu passed: %llu events, trace %016llx\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(outcome.events), static_cast<unsigned long long>(outcome.trace_hash));
    }
    const auto now = std::chrono::steady_clock::now();
    if (arguments.many && now - shown > std::chrono::seconds(1)) {
      shown = now;
      total.print("\r");
    }
  }
  total.print("\n");
  return total.failed == 0 ? 0 : 1;
}
