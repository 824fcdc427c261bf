#include "net/words.h"

#include <optional>
#include <utility>

namespace tamada::net {

core::Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;  // an empty pair of quotes is a word, too
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool last = i + 1 == line.size();
    if (quote == '\'') {
      if (c == quote)
        quote = 0;
      else
        word->push_back(c);
    } else if (quote == '"') {
      if (c == quote)
        quote = 0;
      else if (c == '\\' && !last && (line[i + 1] == '"' || line[i + 1] == '\\'))
        word->push_back(line[++i]);
      else
        word->push_back(c);
    } else if (c == '\'' || c == '"') {
      quote = c;
      if (!word) word.emplace();
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (word) words.push_back(*std::exchange(word, std::nullopt));
    } else {
      if (c == '\\' && last) return core::fail("a backslash ends the command: " + std::string(line));
      if (!word) word.emplace();
      word->push_back(c == '\\' ? line[++i] : c);
    }
  }
  if (quote != 0) return core::fail("a quote is not closed in the command: " + std::string(line));
  if (word) words.push_back(*std::move(word));
  if (words.empty()) return core::fail("the command is empty");
  return words;
}

}  // namespace tamada::net
