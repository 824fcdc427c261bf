// Typed reading of one mapping of a configuration that was validated before. An invalid value counts as absent, because
// its error has been reported already. A key that is not in the table is a bug of the program and aborts it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/validate.h"

namespace tamada::config {

class Section {
 public:
  Section(const Document& document, const Key& schema, Problems& problems);

  Section section(std::string_view key) const;
  bool present() const { return present_; }

  bool has(std::string_view key) const { return raw(key) != nullptr; }
  const nlohmann::ordered_json* raw(std::string_view key) const;  // nullptr when absent
  // The value, or the table's default.
  std::string text(std::string_view key) const;
  std::string word(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::int64_t number(std::string_view key) const;

  std::optional<bool> choice(std::string_view key) const;  // nullopt when it is absent, so that another key decides
  std::vector<std::string> lines(std::string_view key) const;
  std::optional<std::vector<std::string>> lines_if(std::string_view key) const;
  std::map<std::string, std::string> parameters(std::string_view key) const;           // as postgresql.conf spells them
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view key) const;  // in the file's order
  // Options of a program as arguments: "--name", "--name=value".
  std::vector<std::string> arguments(std::string_view key, std::initializer_list<std::string_view> forbidden);

  // The whole mapping, for sections with names that the operator chooses (methods).
  const nlohmann::ordered_json& object() const { return *object_; }

  void error(std::string_view key, std::string_view what);
  void warning(std::string_view key, std::string_view what);

 private:
  Section(const Document& document, const Key& schema, Problems& problems, const nlohmann::ordered_json* object,
          std::string path);
  const Key& key_of(std::string_view name) const;
  Problem problem(std::string_view key, std::string_view what) const;

  const Document* document_;
  const Key* schema_;
  Problems* problems_;
  const nlohmann::ordered_json* object_;
  std::string path_;
  bool present_ = false;
};

}  // namespace tamada::config
