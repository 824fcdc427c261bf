// Typed reading of one mapping of a configuration file. Mistakes are collected, each with the line it stands on, and
// at the end every key that nobody asked for is named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml.h"

namespace tamada::config {

struct Problems {
  std::vector<std::string> errors, warnings;
};

class Section {
 public:
  Section(const Document& document, Problems& problems);

  // A part of this one; empty when absent.
  Section section(std::string_view key);
  bool present() const { return present_; }

  const nlohmann::ordered_json* raw(std::string_view key);  // nullptr when absent or null
  std::string text(std::string_view key, std::string_view fallback = "");
  std::string required_text(std::string_view key, std::string_view example);
  std::string one_of(std::string_view key, std::initializer_list<std::string_view> allowed, std::string_view fallback);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::vector<std::string> lines(std::string_view key);
  std::map<std::string, std::string> parameters(std::string_view key);  // values as postgresql.conf spells them
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view key);  // the same in the file's order
  // Options of a program: a list of "name" and {name: value}, or one mapping -> "--name", "--name=value".
  std::vector<std::string> arguments(std::string_view key, std::initializer_list<std::string_view> forbidden);

  void error(std::string_view key, std::string_view what);
  void warning(std::string_view key, std::string_view what);

  // Keys that Patroni has and this program does nothing with: a warning when one is set.
  void unsupported(std::initializer_list<std::string_view> keys);
  // Keys that need no reading, because what they tune does not exist here.
  void accept(std::initializer_list<std::string_view> keys);
  // Warns of keys that none of the calls above named.
  void finish();

 private:
  Section(const Document& document, Problems& problems, const nlohmann::ordered_json* object, std::string path);
  std::string place(std::string_view key) const;
  void known(std::string_view key);

  const Document* document_;
  Problems* problems_;
  const nlohmann::ordered_json* object_;
  std::string path_;
  bool present_ = false;
  std::vector<std::string> known_;
};

}  // namespace tamada::config
