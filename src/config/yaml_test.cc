#include "config/yaml.h"

#include <gtest/gtest.h>

#include "config/yaml_scalar.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

std::string read(const std::string& text) {
  const auto document = parse_yaml(text, "f.yml");
  return document ? wire::dump_compact(document->value) : "ERROR " + document.error().what;
}

// The expected JSON is what PyYAML 6's safe_load makes of each text.
TEST(YamlScalar, PlainWordsMeanWhatPyYamlReads) {
  const std::pair<const char*, const char*> cases[] = {
      {"yes", "true"},
      {"No", "false"},
      {"ON", "true"},
      {"off", "false"},
      {"True", "true"},
      {"y", "\"y\""},
      {"n", "\"n\""},
      {"oN", "\"oN\""},
      {"~", "null"},
      {"", "null"},
      {"Null", "null"},
      {"nULL", "\"nULL\""},
      {"0", "0"},
      {"-0", "0"},
      {"30", "30"},
      {"+5", "5"},
      {"-12", "-12"},
      {"010", "8"},
      {"-017", "-15"},
      {"08", "\"08\""},
      {"0x1F", "31"},
      {"0b101", "5"},
      {"0o17", "\"0o17\""},
      {"1_000", "1000"},
      {"0_7", "7"},
      {"1:30", "90"},
      {"190:20:30", "685230"},
      {"1:60", "\"1:60\""},
      {"-1:30", "-90"},
      {"2379:2379", "\"2379:2379\""},
      {"1.5", "1.5"},
      {"1.", "1.0"},
      {".5", "0.5"},
      {"-.5", "\"-.5\""},
      {"1e5", "\"1e5\""},
      {"1.0e5", "\"1.0e5\""},
      {"1.0e+5", "100000.0"},
      {"1_0.5", "10.5"},
      {"1:30.5", "90.5"},
      {".inf", "Infinity"},
      {"-.INF", "-Infinity"},
      {".nan", "NaN"},
      {"127.0.0.1", "\"127.0.0.1\""},
      {"127.0.0.1:5432", "\"127.0.0.1:5432\""},
      {"1.2.3", "\"1.2.3\""},
      {"2026-11-22", "\"2026-11-22\""},
      {"7711125456257864299", "7711125456257864299"},
      {"18446744073709551615", "18446744073709551615"},
      {"99999999999999999999", "\"99999999999999999999\""},
      {"128MB", "\"128MB\""},
      {"-", "\"-\""},
      {"+", "\"+\""},
      {".", "\".\""},
      {"0x", "\"0x\""},
      {"=", "\"=\""},
  };
  for (const auto& [word, json] : cases) EXPECT_EQ(wire::dump_compact(resolve_plain(word)), json) << word;
}

TEST(Yaml, QuotedIsTextPlainIsNot) {
  EXPECT_EQ(read("a: 'on'\nb: on\nc: \"010\"\nd: |\n  1\ne: >-\n  2\nf: !!str 5\ng: ! 6\n"),
            R"({"a":"on","b":true,"c":"010","d":"1\n","e":"2","f":"5","g":"6"})");
  EXPECT_EQ(read("a: !!int '5'\nb: !!float 3\nc: !!bool 'yes'\nd: !!null ''\n"),
            R"({"a":5,"b":3.0,"c":true,"d":null})");
}

TEST(Yaml, MappingsAndLists) {
  EXPECT_EQ(read("a:\n- x\n- y: 1\nb: [1, {c: d}]\ne:\nf: {}\n"),
            R"({"a":["x",{"y":1}],"b":[1,{"c":"d"}],"e":null,"f":{}})");
  EXPECT_EQ(read("a: 1\nb: 2\na: 3\n"), R"({"a":3,"b":2})");
  EXPECT_EQ(read("1: a\non: b\n~: c\n1.5: d\n"), R"({"1":"a","true":"b","null":"c","1.5":"d"})");
  EXPECT_EQ(read(""), "null");
  EXPECT_EQ(read("# nothing\n"), "null");
}

TEST(Yaml, AnchorsAndMergeKeys) {
  EXPECT_EQ(read("a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n"), R"({"a":{"p":1,"q":2},"b":{"p":1,"q":3}})");
  EXPECT_EQ(read("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc:\n  <<: [*x, *y]\n"),
            R"({"a":{"p":1},"b":{"p":2,"q":2},"c":{"p":1,"q":2}})");
  EXPECT_EQ(read("a: &n 5\nb: *n\n"), R"({"a":5,"b":5})");
  EXPECT_EQ(read("'<<': 1\n"), R"({"<<":1})");
}

TEST(Yaml, MistakesNameTheirLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"a: 1\nb: *nope\n", "ERROR f.yml:2: no anchor &nope before this alias"},
      {"a: 1\n---\nb: 2\n", "ERROR f.yml:2: a second document begins here; only one is allowed"},
      {"a:\n  - 1\n b: 2\n",
       "ERROR f.yml:3: not YAML: did not find expected key (while parsing a block mapping of line 1)"},
      {"a: [1\n",
       "ERROR f.yml:2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence of line 1)"},
      {"a: \tx\n\tb: 1\n",
       "ERROR f.yml:2: not YAML: found a tab character that violates indentation (while scanning a plain scalar of "
       "line 1)"},
      {"? [a]\n: 1\n", "ERROR f.yml:1: a list or a mapping cannot be a key"},
      {"a: !!python/object x\n", "ERROR f.yml:1: 'x' does not fit the tag tag:yaml.org,2002:python/object"},
      {"a:\n  <<: 5\n", "ERROR f.yml:2: <<: needs a mapping or a list of mappings"},
      {"a: &a [*a]\n", "ERROR f.yml:1: no anchor &a before this alias"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(read(text), error) << text;
}

TEST(Yaml, BombsAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    std::string line = "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 9; ++k) line += (k ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += line + "]\n";
  }
  EXPECT_TRUE(read(bomb).contains("aliases stand for more than")) << read(bomb).substr(0, 100);
  EXPECT_TRUE(read(std::string(1000, '[')).contains("nested deeper")) << read(std::string(1000, '[')).substr(0, 100);
}

TEST(Yaml, OriginsOfEveryPath) {
  const auto document = parse_yaml("a:\n  b: 1\n  c:\n  - x\n  - y: 2\nd:\n", "f.yml");
  ASSERT_TRUE(document);
  const std::pair<const char*, const char*> cases[] = {{"a", "f.yml:1"},      {"a.b", "f.yml:2"},
                                                       {"a.c[1]", "f.yml:5"}, {"a.c[1].y", "f.yml:5"},
                                                       {"d", "f.yml:6"},      {"", "f.yml:1"}};
  for (const auto& [path, origin] : cases) {
    ASSERT_TRUE(document->origins.contains(path)) << path;
    EXPECT_EQ(document->origins.at(path), origin) << path;
  }
}

}  // namespace
}  // namespace tamada::config
