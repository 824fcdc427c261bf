// Where the output goes: whether it is a terminal, how large, with colours or without; and how wide a text is on it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/types.h"
#include "ctl/commands.h"

namespace tamada::ctl {

// Prints, and leaves nothing in a buffer. Colours are let through and lines; what else would act on a terminal, in a
// name that somebody wrote to etcd, is shown as it is written: "\x1b[2J".
void echo(const std::string& text);
void send(const std::string& text);            // what is meant to act on the terminal, too
std::string shown(std::string_view text);      // as echo() prints it
std::string printable(std::string_view text);  // one line without colours: what others wrote
void warn(const std::string& text);            // to stderr, as Patroni's logger: "2026-... - WARNING - text"

// What of a sighting is not etcd's word, as warnings.
void warn_of(const Sighting& sighting);

bool is_terminal();  // stdout
struct Size {
  std::size_t columns = 0, rows = 0;  // 0: no terminal, no limit
};
Size terminal_size();

// On a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb says otherwise.
bool wants_colour();
std::string paint(std::string_view text, Colour colour);  // as it is where no colours are wanted

// Columns on a terminal: 2 for a wide (CJK) character, 0 for a combining one and for what sets a colour.
std::size_t width_of(std::string_view text);
// The longest beginning that is no wider; whole characters.
std::string_view fit(std::string_view text, std::size_t width);

// Words of `text` in lines no wider; 0: one line.
std::vector<std::string> wrap_words(const std::string& text, std::size_t width);

// Runs `once` now and then every so many seconds, as the options say; its error ends it.
Done watching(const WatchOptions& options, const std::function<Done()>& once);

// One page of a command that is watched.
struct Page {
  std::string text;
  std::vector<std::string> notes;  // above it, or on stderr
  Done done;                       // of the command, if this is the last page
};
// The same, for a whole page: on a terminal each one takes the place of the one before, without a flicker, and an
// error is shown there and may pass. Elsewhere they follow one another.
Done watching_page(const WatchOptions& options, const std::function<Page()>& make);

}  // namespace tamada::ctl
