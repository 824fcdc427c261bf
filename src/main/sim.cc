// The simulator's command line.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "net/files.h"
#include "sim/campaign.h"
#include "sim/faults.h"
#include "sim/player.h"
#include "sim/story.h"

namespace {

using namespace tamada;

constexpr const char* usage =
    "usage: tamada-sim --seed N [--trace] | --seeds A..B\n"
    "\n"
    "Runs a whole cluster in one process on virtual time, with faults, and checks it after every event.\n"
    "\n"
    "  --seed N         one run\n"
    "  --seeds A..B     a run for each seed; stops at the first that fails, unless --keep-going; A.. for ever\n"
    "  --jobs N         so many at a time\n"
    "  --trace          every event, as a line\n"
    "  --nodes N        of the cluster (three or five, as the seed says)\n"
    "  --duration S     seconds of faults (900)\n"
    "  --faults A,B     only these; `none`; `list` prints them\n"
    "  --workload W     of the client that writes: none, light, normal, heavy\n"
    "  --guard          with a guard process that ends a frozen daemon's PostgreSQL at its lease's deadline, "
    "--no-guard\n"
    "                   without; else as the seed says\n"
    "  --standby-cluster  the cluster follows a server elsewhere, --no-standby-cluster; else as the seed says\n"
    "  --archive        with archive_command and restore_command, --no-archive without; else as the seed says\n"
    "  --inject BUG     with a known bug; `list` prints them\n"
    "  --plan FILE      a scenario instead of faults by chance; `help` prints the commands\n"
    "  --story FILE     a scenario without chance: prints it with the transcript of what happened\n"
    "  --rewrite FILE   the same, into the file\n"
    "  --keep-going     all seeds, counting the failures\n"
    "  --coverage       tells in the end which rules, actions and pairs of faults no seed reached, and rare reasons\n";

struct Arguments {
  sim::Campaign campaign;
  bool many = false;
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
  if (value == "none") arguments.campaign.options.no_faults = true;
  arguments.campaign.options.faults = split(value);
  const auto known = sim::Faults::names();
  for (const auto& name : arguments.campaign.options.faults) {
    if (value != "none" && std::ranges::find(known, name) == known.end()) refuse("no such fault; --faults list\n");
  }
}

void take_workload(Arguments& arguments, const std::string& value) {
  using namespace std::chrono_literals;
  auto& load = arguments.campaign.options.workload;
  if (value == "none") {
    load = {.pause_max = 0ms};
  } else if (value == "light") {
    load = {.pause_max = 10s};
  } else if (value == "heavy") {
    load = {.pause_max = 60ms, .large = 0.05};
  } else if (value != "normal") {
    refuse("--workload: none, light, normal, heavy\n");
  }
}

void take_bug(Arguments& arguments, const std::string& value) {
  bool known = false;
  for (const auto& bug : sim::known_bugs()) {
    if (value == "list") std::printf("%-28s %s\n", bug.name.c_str(), bug.what.c_str());
    known = known || bug.name == value;
  }
  if (value == "list") std::exit(0);
  if (!known) refuse("no such bug; --inject list\n");
  arguments.campaign.options.bugs.name = value;
}

sim::Plan read_plan(const std::string& file) {
  if (file == "help") {
    for (const auto& [form, what] : sim::Player::commands()) std::printf("%-28s %s\n", form.c_str(), what.c_str());
    std::exit(0);
  }
  const auto text = net::read_file(file);
  if (!text) refuse("cannot read the plan\n");
  auto plan = sim::parse_plan(*text);
  if (plan) return *std::move(plan);
  std::fprintf(stderr, "%s: %s\n", file.c_str(), plan.error().what.c_str());
  std::exit(2);
}

[[noreturn]] void tell(const std::string& file, bool rewrite) {
  const auto told = sim::tell_story(read_plan(file), {});
  if (!told) {
    std::fprintf(stderr, "%s: %s\n", file.c_str(), told.error().what.c_str());
    std::exit(1);
  }
  const auto text = sim::format_plan(*told);
  if (rewrite) {
    std::ofstream(file) << text;
  } else {
    std::fputs(text.c_str(), stdout);
  }
  std::exit(0);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  arguments.campaign.options.guard = sim::Options::Guard::by_chance;
  arguments.campaign.options.standby_cluster.reset();
  arguments.campaign.options.archive.reset();
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--trace") {
      arguments.campaign.options.trace = true;
      continue;
    }
    if (word == "--coverage") {
      arguments.campaign.options.coverage = true;
      continue;
    }
    if (word == "--keep-going") {
      arguments.campaign.keep_going = true;
      continue;
    }
    if (word == "--standby-cluster" || word == "--no-standby-cluster") {
      arguments.campaign.options.standby_cluster = word == "--standby-cluster";
      arguments.campaign.repeated += " " + word;
      continue;
    }
    if (word == "--archive" || word == "--no-archive") {
      arguments.campaign.options.archive = word == "--archive";
      arguments.campaign.repeated += " " + word;
      continue;
    }
    if (word == "--guard" || word == "--no-guard") {
      arguments.campaign.options.guard = word == "--guard" ? sim::Options::Guard::on : sim::Options::Guard::off;
      arguments.campaign.repeated += " " + word;
      continue;
    }
    if (word == "--help" || word == "-h") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (i + 1 >= argc) refuse(usage);
    const std::string value = argv[++i];
    if (word == "--seed") {
      arguments.campaign.first = arguments.campaign.last = std::strtoull(value.c_str(), nullptr, 10);
      continue;
    }
    if (word == "--seeds") {
      const auto dots = value.find("..");
      if (dots == std::string::npos) refuse(usage);
      arguments.campaign.first = std::strtoull(value.c_str(), nullptr, 10);
      const auto* last = value.c_str() + dots + 2;
      arguments.campaign.last = *last == '\0' ? ~std::uint64_t{0} : std::strtoull(last, nullptr, 10);
      arguments.many = true;
      continue;
    }
    if (word == "--jobs") {
      arguments.campaign.jobs = std::max(1, std::atoi(value.c_str()));
      continue;
    }
    if (word == "--story" || word == "--rewrite") tell(value, word == "--rewrite");
    arguments.campaign.repeated += " " + word + " " + value;
    if (word == "--nodes") {
      arguments.campaign.options.nodes = std::atoi(value.c_str());
      if (arguments.campaign.options.nodes < 1 || arguments.campaign.options.nodes > 50) refuse("--nodes: 1 to 50\n");
    } else if (word == "--duration") {
      arguments.campaign.options.duration = std::chrono::seconds(std::strtoll(value.c_str(), nullptr, 10));
    } else if (word == "--faults") {
      take_faults(arguments, value);
    } else if (word == "--plan") {
      arguments.campaign.options.plan = read_plan(value);
    } else if (word == "--workload") {
      take_workload(arguments, value);
    } else if (word == "--inject") {
      take_bug(arguments, value);
    } else {
      refuse(usage);
    }
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  auto arguments = parse(argc, argv);
  auto& campaign = arguments.campaign;
  if (arguments.many) return sim::run(campaign) == 0 ? 0 : 1;
  const auto seed = campaign.first;
  campaign.options.seed = seed;
  const auto outcome = sim::simulate(campaign.options);
  if (!outcome.violations.empty()) {
    std::fputs(sim::report(seed, outcome, campaign.repeated).c_str(), stdout);
    return 1;
  }
  std::printf("seed %llu passed: %.0f s simulated, %llu events, trace %016llx\n", static_cast<unsigned long long>(seed),
              sim::Trace::seconds(outcome.simulated), static_cast<unsigned long long>(outcome.events),
              static_cast<unsigned long long>(outcome.trace_hash));
  return 0;
}
