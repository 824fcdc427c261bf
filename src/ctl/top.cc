#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "ctl/commands.h"
#include "ctl/terminal.h"
#include "ctl/top_screen.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t ended = 0;
void end(int) { ended = 1; }

// Switches the terminal to its alternate screen and lets it deliver single keys and cut long lines. The destructor
// restores the terminal.
class FullScreen {
 public:
  FullScreen() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, end);
    std::signal(SIGWINCH, [](int) {});  // interrupts the wait for a key
    send("\033[?1049h\033[?25l\033[?7l");
  }
  ~FullScreen() {
    send("\033[?7h\033[?25h\033[?1049l");
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

 private:
  termios before_{};
};

void draw(const TopState& state) {
  std::string text = "\033[H";
  const auto lines = top_screen(state, terminal_size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += paint(printable(lines[i].text), lines[i].colour) + "\033[K" + (i + 1 < lines.size() ? "\r\n" : "");
  }
  send(text + "\033[J");
}

// Returns false if the key ends the program.
bool take_key(TopState& state, char key) {
  constexpr std::pair<char, TopSort> orders[] = {
      {'n', TopSort::name}, {'r', TopSort::role}, {'l', TopSort::lag}, {'s', TopSort::state}};
  for (const auto& [letter, order] : orders) {
    if (key == letter) state.sort = order;
  }
  if (key == 'v') state.reversed = !state.reversed;
  return key != 'q' && key != '\x1b';
}

// Redraws after each key and each change of the window's size. Returns false when the program has to end.
bool wait_for_keys(TopState& state, Clock::time_point until) {
  for (;;) {
    draw(state);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left <= 0ms) return true;
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = poll(&input, 1, static_cast<int>(left.count()) + 1);
    if (ended != 0) return false;
    if (ready <= 0) continue;
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) != 1) return false;
    if (!take_key(state, key)) return false;
  }
}

void take(TopState& state, core::Result<Sighting> sighting) {
  state.problem = sighting ? "" : sighting.error().what;
  state.notes.clear();
  if (!sighting) return;
  state.notes = std::move(sighting->notes);
  state.view = std::move(sighting->view);
}

core::Result<Sighting> timed_look(Session& session, const std::string& cluster, double& ms) {
  const auto begun = Clock::now();
  auto sighting = session.look(cluster);
  ms = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
  return sighting;
}

void ask(Session& session, Journals& journals, TopState& state) {
  state.members = ask_members(session, state.view, state.notes.empty() ? 1s : 500ms);
  for (auto& event : journals.news(state.view, 0)) state.events.push_back(std::move(event));
  while (state.events.size() > 500) state.events.pop_front();
  state.time = timestamp(0).substr(11);
}

}  // namespace

Done top(Session& session, const TopOptions& options) {
  if (!options.json && (!is_terminal() || isatty(STDIN_FILENO) == 0)) {
    return fail("top needs a terminal", "elsewhere use top --json, or list -W");
  }
  TopState state;
  auto first = timed_look(session, options.cluster, state.etcd_ms);
  if (!first) return std::unexpected(first.error());
  state.cluster = first->name;
  Journals journals(session, first->patience());
  std::optional<core::Result<Sighting>> sighting = std::move(first);
  const auto refresh = [&] {
    take(state, sighting ? std::move(*sighting) : timed_look(session, state.cluster, state.etcd_ms));
    sighting.reset();
    ask(session, journals, state);
  };
  if (options.json) {
    return watching(options, [&]() -> Done {
      refresh();
      for (const auto& note : state.notes) warn(note);
      echo(wire::dump_python(top_json(state)) + "\n");
      return {};
    });
  }
  const auto every = std::chrono::duration<double>(options.watch_every_s > 0 ? options.watch_every_s : 1);
  const FullScreen screen;
  for (;;) {
    const auto begun = Clock::now();
    refresh();
    if (ended != 0) return {};
    if (!wait_for_keys(state, begun + std::chrono::duration_cast<Clock::duration>(every))) return {};
  }
}

}  // namespace tamada::ctl
