#include "core/sync_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace tamada::core {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; }
bool in_word(char c) { return starts_word(c) || (c >= '0' && c <= '9') || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Token {
  enum class Kind { word, quoted, star, number, comma, open, close, junk };
  Kind kind = Kind::junk;
  std::string text;
};

Token quoted_token(std::string_view text, std::size_t& at) {
  Token token{Token::Kind::quoted, ""};
  for (++at; at < text.size(); ++at) {
    if (text[at] != '"') {
      token.text += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
      token.text += text[at++];
    } else {
      ++at;
      return token;
    }
  }
  return {};  // the quoted name is not closed
}

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      ++at;
    } else if (c == '"') {
      tokens.push_back(quoted_token(text, at));
    } else if (starts_word(c) || is_digit(c)) {
      const bool number = is_digit(c);
      const auto begin = at;
      while (at < text.size() && (number ? is_digit(text[at]) : in_word(text[at]))) ++at;
      tokens.push_back({number ? Token::Kind::number : Token::Kind::word, std::string(text.substr(begin, at - begin))});
    } else {
      const auto kind = c == '*'   ? Token::Kind::star
                        : c == ',' ? Token::Kind::comma
                        : c == '(' ? Token::Kind::open
                        : c == ')' ? Token::Kind::close
                                   : Token::Kind::junk;
      tokens.push_back({kind, std::string(1, c)});
      ++at;
    }
  }
  return tokens;
}

// The number, if the tokens at `at` are `NUM (`.
std::optional<int> counted(const std::vector<Token>& tokens, std::size_t at) {
  if (tokens.size() < at + 3 || tokens[at].kind != Token::Kind::number || tokens[at + 1].kind != Token::Kind::open ||
      tokens.back().kind != Token::Kind::close) {
    return std::nullopt;
  }
  int count = 0;
  const auto& text = tokens[at].text;
  const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  return failed == std::errc() ? std::optional(count) : std::nullopt;
}

std::string quoted(const std::string& name) {
  const bool plain = !name.empty() && starts_word(name.front()) && std::ranges::all_of(name, in_word) &&
                     !same_word(name, "first") && !same_word(name, "any");
  if (plain) return name;
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

bool NameLess::operator()(std::string_view a, std::string_view b) const {
  return std::ranges::lexicographical_compare(a, b, [](char x, char y) { return lower(x) < lower(y); });
}

Names united(const Names& a, const Names& b) {
  Names out = a;
  out.insert(b.begin(), b.end());
  return out;
}

Names common(const Names& a, const Names& b) {
  Names out;
  for (const auto& name : a) {
    if (b.contains(name)) out.insert(name);
  }
  return out;
}

Names without(const Names& a, const Names& b) {
  Names out;
  for (const auto& name : a) {
    if (!b.contains(name)) out.insert(name);
  }
  return out;
}

bool same_names(const Names& a, const Names& b) { return a.size() == b.size() && common(a, b).size() == a.size(); }

std::string joined(const Names& names, std::string_view separator) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += separator;
    out += name;
  }
  return out;
}

bool SyncNames::operator==(const SyncNames& other) const {
  const bool nobody = count == 0 && other.count == 0;  // then FIRST and ANY have the same effect
  return count == other.count && unclear == other.unclear && (method == other.method || nobody) &&
         same_names(standbys, other.standbys);
}

SyncNames parse_sync_names(std::string_view text) {
  const auto tokens = tokens_of(text);
  if (tokens.empty()) return {};
  SyncNames names;
  std::size_t begin = 0;
  std::size_t end = tokens.size();
  const bool any = tokens[0].kind == Token::Kind::word && same_word(tokens[0].text, "any");
  const bool first = tokens[0].kind == Token::Kind::word && same_word(tokens[0].text, "first");
  names.count = 1;
  if (const auto count = counted(tokens, any || first ? 1 : 0)) {
    names.method = any ? SyncNames::Method::quorum : SyncNames::Method::priority;
    names.count = *count;
    begin = any || first ? 3 : 2;
    --end;
  }
  for (std::size_t at = begin; at < end; ++at) {
    const auto& token = tokens[at];
    const bool separator = (at - begin) % 2 == 1;
    const bool name = token.kind == Token::Kind::word || token.kind == Token::Kind::quoted;
    const bool fits = separator ? token.kind == Token::Kind::comma && at + 1 < end : name;
    if (!fits) names.unclear = true;
    if (name) names.standbys.insert(token.text);
  }
  names.standbys.erase(std::string(strict_placeholder));
  return names;
}

std::string format_sync_names(const SyncNames& names) {
  if (names.count <= 0) return "";
  std::string list;
  for (const auto& name : names.standbys) list += (list.empty() ? "" : ",") + quoted(name);
  if (names.standbys.empty()) list = strict_placeholder;
  const auto count = std::to_string(names.standbys.empty() ? 1 : names.count);
  if (names.method == SyncNames::Method::quorum) return "ANY " + count + " (" + list + ")";
  return names.standbys.size() > 1 ? count + " (" + list + ")" : list;
}

}  // namespace tamada::core
