// Output to the terminal: whether it is one, its size, its colours, and the width of texts on it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/types.h"
#include "ctl/commands.h"

namespace tamada::ctl {

// Prints and flushes. Only colours and line breaks have an effect. Other control sequences, which a name in etcd may
// contain, are printed in the form "\x1b[2J".
void echo(const std::string& text);
void send(const std::string& text);            // prints control sequences, too
std::string shown(std::string_view text);      // the text as echo() prints it
std::string printable(std::string_view text);  // for texts from elsewhere: one line without colours
void warn(const std::string& text);            // to stderr, in the form of Patroni's logger: "2026-... - WARNING -
                                               // text"

// Prints as warnings which parts of a sighting are not from etcd.
void warn_of(const Sighting& sighting);

bool is_terminal();  // of stdout
struct Size {
  std::size_t columns = 0, rows = 0;  // 0: there is no terminal, and no limit
};
Size terminal_size();

// Whether output has colours: it goes to a terminal, and neither NO_COLOR (https://no-color.org) nor TERM=dumb forbids
// them.
bool wants_colour();
std::string paint(std::string_view text, Colour colour);  // unchanged if no colours are wanted

// The columns on a terminal: 2 for a wide (CJK) character, 0 for a combining one and for a colour sequence.
std::size_t width_of(std::string_view text);
// The longest prefix of whole characters that is at most `width` wide.
std::string_view fit(std::string_view text, std::size_t width);

// Breaks `text` between words into lines of at most `width`; 0: one line.
std::vector<std::string> wrap_words(const std::string& text, std::size_t width);

// Runs `once`, and again every so many seconds if the options ask for it, until it returns an error.
Done watching(const WatchOptions& options, const std::function<Done()>& once);

// One page of output of a command with --watch.
struct Page {
  std::string text;
  std::vector<std::string> notes;  // printed above the text, or on stderr
  Done done;                       // the command's result, if this is the last page
};
// The same for whole pages. On a terminal each page replaces the previous one without flicker, and an error is shown
// until the command succeeds again. Otherwise the pages follow one another.
Done watching_page(const WatchOptions& options, const std::function<Page()>& make);

}  // namespace tamada::ctl
