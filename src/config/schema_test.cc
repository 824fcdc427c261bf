#include "config/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "config/value.h"
#include "config/yaml.h"

namespace tamada::config {
namespace {

void each(const Key& section, const std::string& path, const std::function<void(const Key&, const std::string&)>& see) {
  for (const auto& key : section.keys) {
    const auto where = join_path(path, key.name);
    see(key, where);
    if (key.type == Type::section) each(key, where, see);
  }
}

TEST(Schema, EveryKeyIsWhole) {
  for (const Key* root : {&local_schema, &dynamic_schema}) {
    std::set<std::string> seen;
    each(*root, "", [&](const Key& key, const std::string& path) {
      EXPECT_TRUE(seen.insert(path).second) << path << " is declared twice";
      const bool without_effect = !key.unsupported.empty() || !key.unused.empty();
      EXPECT_TRUE(without_effect || !key.what.empty()) << path << " has no description";
      const bool words = key.type == Type::word || key.type == Type::level;
      EXPECT_TRUE(!words || !key.allowed.empty()) << path;
      EXPECT_TRUE(!key.required || !key.allowed.empty()) << path;
      EXPECT_EQ(key.type == Type::section, !key.keys.empty()) << path;
      const bool scalar = key.type != Type::lines && key.type != Type::options;
      if (!key.fallback.empty() && scalar && !without_effect) {
        const auto wrong = mistakes(key, nlohmann::ordered_json(std::string(key.fallback)));
        EXPECT_TRUE(wrong.empty()) << path << " refuses its own default: " << wrong[0].what;
      }
    });
  }
}

std::string text_of(std::initializer_list<const char*> files) {
  std::stringstream text;
  for (const auto name : files) text << std::ifstream(std::string("src/config/") + name).rdbuf();
  return text.str();
}

// The headers with the structs that the sections of patroni.yml are read into.
std::vector<std::string> section_headers() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("src/config/sections")) {
    files.push_back(entry.path().string());
  }
  return files;
}

std::string all_sections() {
  std::stringstream text;
  for (const auto& name : section_headers()) text << std::ifstream(name).rdbuf();
  return text.str();
}

// A key that the table describes and that no code reads would be accepted and would have no effect.
TEST(Schema, EveryKeyIsRead) {
  const std::string sections = text_of({"local_sections.cc", "cluster_sections.cc"});
  const std::pair<const Key*, std::string> readers[] = {
      {&local_schema, sections + text_of({"local.cc", "server_configuration.cc", "dynamic.cc", "../wire/tags.cc"})},
      {&dynamic_schema, sections + text_of({"dynamic.cc", "profile.cc", "effective.cc", "server_configuration.cc"})}};
  for (const auto& [schema, text] : readers) {
    ASSERT_FALSE(text.empty());
    each(*schema, "", [&](const Key& key, const std::string& path) {
      if (!key.unsupported.empty() || !key.unused.empty()) return;
      const std::string name(key.name);
      // The names of settings of one role are made from the role's name.
      const auto role = std::min(name.find("_primary"), std::min(name.find("_replica"), name.find("_standby_leader")));
      const bool of_role = role != name.npos && text.contains('"' + name.substr(0, role) + "_{}\"");
      EXPECT_TRUE(of_role || text.contains('"' + name + '"')) << path << " is read by no code";
    });
  }
}

// Finds `word` as a whole word. It may begin with a character that is not part of a word, such as a dot.
bool says(std::string_view text, std::string_view word) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !in_word(text[at - 1]) || !in_word(word.front());
    const auto end = at + word.size();
    if (begins && (end == text.size() || !in_word(text[end]))) return true;
  }
  return false;
}

std::string all_sources(const std::vector<std::string>& folders) {
  std::string text;
  for (const auto& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator("src/" + folder)) {
      const auto name = entry.path().filename().string();
      if (name.ends_with("_test.cc") || entry.path().parent_path().filename() == "sections") continue;
      text += (std::stringstream() << std::ifstream(entry.path()).rdbuf()).str();
    }
  }
  return text;
}

// The names of the members of structs that a header declares.
std::set<std::string> members_of(const std::string& header) {
  std::ifstream file(header);
  std::set<std::string> names;
  const std::regex member(R"(^  [A-Za-z_:<>, ]+[ >]([a-z_0-9]+)( = [^;]*)?;)"), more(R"(, ([a-z_0-9]+)\b)");
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find("//"));
    std::smatch found;
    if (line.contains('(') || !std::regex_search(line, found, member)) continue;
    names.insert(found[1]);
    for (auto at = std::sregex_iterator(line.begin(), line.end(), more); at != std::sregex_iterator(); ++at) {
      names.insert((*at)[1]);
    }
  }
  return names;
}

// A setting must be used by the code that acts on it, not only by the code that reads, checks and explains the file.
TEST(Schema, EachMemberThatIsReadIsUsed) {
  const std::string acting = all_sources({"agent", "api", "core", "ctl", "dcs", "fence", "main", "net", "postgres"});
  const std::string own =
      text_of({"log_format.cc", "effective.cc", "dynamic.cc", "server_configuration.cc"}) + all_sections();
  std::set<std::string> unused;
  std::size_t members_count = 0;
  const auto look = [&](const std::string& header, const std::string& text) {
    const auto members = members_of(header);
    EXPECT_FALSE(members.empty()) << header;
    members_count += members.size();
    for (const auto& name : members) {
      const bool used = says(text, "." + name) || says(text, "->" + name) || says(text, "return " + name);
      if (!used) unused.insert(header + " " + name);
    }
  };
  for (const auto& header : section_headers()) look(header, acting + own);
  look("src/config/local.h", acting + own);
  look("src/config/server_configuration.h", acting + own);
  look("src/core/settings.h", acting);
  EXPECT_GT(members_count, 100u);
  const std::set<std::string> known = {
      "src/config/local.h purpose",               // purpose is an argument of read_local(), not a member
      "src/core/settings.h primary_stop_timeout"  // stop_limit(), declared beside it, uses it
  };
  for (const auto& name : known) unused.erase(name);
  EXPECT_EQ(unused, std::set<std::string>());
}

// Each key must appear in a unit test or an end-to-end test, so that whoever adds a key also tests its effect.
TEST(Schema, EveryKeyIsTested) {
  std::string tests;
  for (const char* folder : {"src", "tests"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const auto name = entry.path().filename().string();
      const bool test = name.ends_with("_test.cc") || name.ends_with(".py") || name.ends_with(".txt");
      if (test && name != "schema_test.cc") tests += (std::stringstream() << std::ifstream(entry.path()).rdbuf()).str();
    }
  }
  for (const Key* root : {&local_schema, &dynamic_schema}) {
    each(*root, "", [&](const Key& key, const std::string& path) {
      if (!key.unsupported.empty() || !key.unused.empty()) return;
      EXPECT_TRUE(says(tests, key.name)) << path << " is named in no test";
    });
  }
}

TEST(Schema, VariablesArePatronis) {
  std::set<std::string> names;
  std::map<std::string, std::string> paths;
  for (const auto& [name, path, key] : variables()) {
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    paths[name] = path;
  }
  const std::pair<const char*, const char*> cases[] = {
      {"PATRONI_NAME", "name"},
      {"PATRONI_RESTAPI_LISTEN", "restapi.listen"},
      {"PATRONI_RESTAPI_USERNAME", "restapi.authentication.username"},
      {"PATRONI_CTL_PASSWORD", "ctl.authentication.password"},
      {"PATRONI_POSTGRESQL_BIN_PG_REWIND", "postgresql.bin_name.pg_rewind"},
      {"PATRONI_REPLICATION_SSLMODE", "postgresql.authentication.replication.sslmode"},
      {"PATRONI_ETCD3_HOSTS", "etcd3.hosts"},
      {"PATRONI_ETCD_CACERT", "etcd.cacert"},
      {"PATRONI_LOG_STATIC_FIELDS", "log.static_fields"},
  };
  for (const auto& [name, path] : cases) EXPECT_EQ(paths[name], path);
}

struct SchemaCase {
  Type type;
  const char *fits, *does_not;
};

TEST(Schema, ValuesOfEachType) {
  const SchemaCase cases[] = {
      {Type::text, R"(["a", 5, "", 1.5])", R"([true, [], {}])"},
      {Type::boolean, R"([true, "on", "NO", 1, ""])", R"(["maybe", 2, [], {}])"},
      {Type::integer, R"([0, "7", "0x1f", 100])", R"([-1, 101, "x", "5s", [], true])"},
      {Type::seconds, R"([0, "90", "1min", "100s"])", R"(["2min", "-1s", "1 parsec", {}])"},
      {Type::word, R"(["off", "ON", false, "quorum", ""])", R"(["other", 7, []])"},
      {Type::lines, R"([[], ["a", 1]])", R"(["a", {}, [[]], [null]])"},
      {Type::hosts, R"(["a,b", ["a"], 5])", R"([{}, [[]], true])"},
      {Type::parameters, R"([{}, {"a": 1, "b": true, "c": null}])", R"(["a", [], {"a": []}])"},
      {Type::options, R"([["a", {"b": 1}], {"a": "b"}])", R"(["a", [5], [{"a": 1, "b": 2}], {"a": []}])"},
      {Type::fields, R"(["%(message)s", ["a", {"b": "c"}]])", R"([[], {}, 5, [5], [{"b": 1}]])"},
      {Type::mapping, R"([{}, []])", R"(["a", 5])"},
  };
  for (const auto& [type, fits, does_not] : cases) {
    const Key key{.name = "k", .type = type, .allowed = "off, on, quorum", .min = 0, .max = 100};
    for (const auto& value : nlohmann::ordered_json::parse(fits)) {
      EXPECT_TRUE(mistakes(key, value).empty()) << static_cast<int>(type) << " " << value;
    }
    for (const auto& value : nlohmann::ordered_json::parse(does_not)) {
      EXPECT_FALSE(mistakes(key, value).empty()) << static_cast<int>(type) << " " << value;
    }
  }
}

// With UPDATE_DOCS=1 the test writes the reference.
TEST(Schema, TheReferenceIsCurrent) {
  constexpr std::string_view mark = "<!-- What follows is made from the table of keys in src/config/schema_*.cc. -->\n";
  const char* path = "docs/configuration.md";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto document = text.str();
  const auto begin = document.find(mark);
  ASSERT_NE(begin, document.npos) << path;
  const auto expected = document.substr(0, begin + mark.size()) + "\n" + reference_markdown();
  if (std::getenv("UPDATE_DOCS")) std::ofstream(path) << expected;
  EXPECT_TRUE(document == expected || std::getenv("UPDATE_DOCS")) << "run the test with UPDATE_DOCS=1";
}

}  // namespace
}  // namespace tamada::config
