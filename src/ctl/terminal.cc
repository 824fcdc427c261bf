#include "ctl/terminal.h"

#include <fmt/format.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

namespace tamada::ctl {
namespace {

// The names of members are UTF-8, whatever the operator's locale is, so this sets such a locale for a moment.
class Utf8 {
 public:
  Utf8() : before_(uselocale(locale())) {}
  ~Utf8() { uselocale(before_); }
  Utf8(const Utf8&) = delete;
  Utf8& operator=(const Utf8&) = delete;

 private:
  static locale_t locale() {
    static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
  }
  locale_t before_;
};

struct Character {
  std::size_t bytes = 1, columns = 1;
};

// The first character of the text. A byte that is not UTF-8, or a character that cannot be printed, counts as one byte
// and one column.
Character first_of(std::string_view text) {
  wchar_t wide = 0;
  mbstate_t state{};
  const auto bytes = mbrtowc(&wide, text.data(), text.size(), &state);
  if (bytes == 0 || bytes > text.size()) return {};
  const int columns = wcwidth(wide);
  return {.bytes = bytes, .columns = columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

constexpr std::array codes = {"", "31", "32", "33", "36", "1", "2"};

// The length of the colour sequence at this position, if paint() made one there; otherwise 0.
std::size_t colour_at(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const auto end = text.find('m');
  if (end == text.npos) return 0;
  const auto code = text.substr(2, end - 2);
  return code == "0" || std::ranges::find(codes, code) != codes.end() ? end + 1 : 0;
}

void append_shown(std::string& to, char c, std::string_view allowed) {
  const bool acts = (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) && !allowed.contains(c);
  if (acts) {
    to += c == '\n' ? "\\n" : c == '\t' ? "\\t" : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  } else {
    to += c;
  }
}

double seconds_between(const WatchOptions& options) {
  return options.watch_every_s > 0 ? options.watch_every_s : options.watch ? 2 : 0;
}

// Draws the page over the previous one from the upper left corner, as much of it as fits on the screen.
void draw_page(const Page& page) {
  std::string text;
  for (const auto& note : page.notes) {
    for (const auto& line : wrap_words(note, terminal_size().columns)) text += paint(line, Colour::yellow) + "\n";
  }
  text += page.text;
  if (!page.done && !page.done.error().what.empty())
    text += paint("Error: " + page.done.error().what, Colour::red) + "\n";
  text = shown(text);
  const auto height = terminal_size().rows;
  std::string frame = "\033[H";
  std::size_t begin = 0;
  for (std::size_t row = 0; begin < text.size() && (height == 0 || row + 1 < height); ++row) {
    const auto end = std::min(text.find('\n', begin), text.size());
    frame += text.substr(begin, end - begin) + "\033[K\r\n";
    begin = end + 1;
  }
  send(frame + "\033[J");
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void send(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string shown(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (const auto colour = colour_at(text); colour > 0) {
      out += text.substr(0, colour);
      text.remove_prefix(colour);
      continue;
    }
    append_shown(out, text.front(), "\n\t");
    text.remove_prefix(1);
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) append_shown(out, c, "");
  return out;
}

void echo(const std::string& text) { send(shown(text)); }

void warn(const std::string& text) { fmt::print(stderr, "{} - WARNING - {}\n", timestamp(3, ','), shown(text)); }

void warn_of(const Sighting& sighting) {
  for (const auto& note : sighting.notes) warn(note);
}

bool is_terminal() { return isatty(STDOUT_FILENO) != 0; }

Size terminal_size() {
  winsize size{};
  if (!is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

bool wants_colour() {
  const char* term = std::getenv("TERM");
  return is_terminal() && !is_set("NO_COLOR") && (term == nullptr || std::string_view(term) != "dumb");
}

std::string paint(std::string_view text, Colour colour) {
  if (colour == Colour::none || !wants_colour()) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", codes[static_cast<std::size_t>(colour)], text);
}

std::size_t width_of(std::string_view text) {
  const Utf8 utf8;
  std::size_t width = 0;
  while (!text.empty()) {
    if (text.starts_with("\033[")) {
      text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
      continue;
    }
    const auto character = first_of(text);
    width += character.columns;
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string_view fit(std::string_view text, std::size_t width) {
  const Utf8 utf8;
  std::size_t end = 0, columns = 0;
  while (end < text.size()) {
    const auto character = first_of(text.substr(end));
    if (columns + character.columns > width) break;
    columns += character.columns;
    end += character.bytes;
  }
  return text.substr(0, end);
}

std::vector<std::string> wrap_words(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    if (!line.empty() && width > 0 && width_of(line) + 1 + width_of(word) > width) {
      lines.push_back(std::exchange(line, ""));
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  lines.push_back(std::move(line));
  return lines;
}

Done watching(const WatchOptions& options, const std::function<Done()>& once) {
  const double every_s = seconds_between(options);
  for (;;) {
    const auto begun = std::chrono::steady_clock::now();
    if (auto done = once(); !done || every_s <= 0) return done;
    std::this_thread::sleep_until(begun + std::chrono::duration<double>(every_s));
  }
}

Done watching_page(const WatchOptions& options, const std::function<Page()>& make) {
  const double every_s = seconds_between(options);
  const bool screen = every_s > 0 && is_terminal();
  if (screen) send("\033[2J");
  for (;;) {
    const auto begun = std::chrono::steady_clock::now();
    auto page = make();
    if (screen) {
      draw_page(page);
    } else {
      for (const auto& note : page.notes) warn(note);
      echo(page.text);
    }
    if (every_s <= 0 || (!page.done && !screen)) return page.done;
    std::this_thread::sleep_until(begun + std::chrono::duration<double>(every_s));
  }
}

}  // namespace tamada::ctl
