#include "ctl/yaml_dump.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tamada::ctl {
namespace {

using Json = nlohmann::ordered_json;

// The expected texts are what PyYAML 6 printed.
TEST(Yaml, Block) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"ttl":30,"postgresql":{"parameters":{"hot_standby":"on","wal_keep_size":"128MB","max_connections":50},"use_pg_rewind":true}})",
       "postgresql:\n  parameters:\n    hot_standby: 'on'\n    max_connections: 50\n    wal_keep_size: 128MB\n"
       "  use_pg_rewind: true\nttl: 30\n"},
      {R"({"l":["a",["b","c"],{"k":1,"j":[]},{}],"n":null,"f":1.5,"g":1e300,"b":false})",
       "b: false\nf: 1.5\ng: 1.0e+300\nl:\n- a\n- - b\n  - c\n- j: []\n  k: 1\n- {}\nn: null\n"},
      {R"([{"Cluster":"demo","A":{"x":["y"]}},{"Cluster":"e"}])",
       "- A:\n    x:\n    - y\n  Cluster: demo\n- Cluster: e\n"},
      {R"([])", "[]\n"},
      {R"({})", "{}\n"},
      {R"({"a":"","b":"10","c":"x: y","d":"x:y","e":"- x","f":"-x","g":"# c","h":"a #b","i":"a#b","j":"it's","k":" x","l":"%x","m":"0/4000060","n":"2026-11-22","o":"yes","p":"~","q":"1:30","r":"'q'","s":"a, b","t":"host all all 0.0.0.0/0 md5"})",
       "a: ''\nb: '10'\nc: 'x: y'\nd: x:y\ne: '- x'\nf: -x\ng: '# c'\nh: 'a #b'\ni: a#b\nj: it's\nk: ' x'\nl: '%x'\n"
       "m: 0/4000060\nn: '2026-11-22'\no: 'yes'\np: '~'\nq: '1:30'\nr: '''q'''\ns: a, b\n"
       "t: host all all 0.0.0.0/0 md5\n"},
      {R"({"a":"two\nlines","b":"tab\there","c":"caf\u00e9","d":"\u0001","z":"a\n\nb\n"})",
       "a: 'two\n\n  lines'\nb: \"tab\\there\"\nc: café\nd: \"\\x01\"\nz: 'a\n\n\n  b\n\n  '\n"},
  };
  for (const auto& [json, yaml] : cases) {
    EXPECT_EQ(yaml_block(Json::parse(json)), yaml);
  }
}

TEST(Yaml, LongTextIsFolded) {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word" + std::to_string(i) + (i < 59 ? " " : "");
  const auto text = yaml_block(Json{{"archive_command", words}});
  std::size_t widest = 0, at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1) widest = std::max(widest, end - at);
  EXPECT_GT(widest, 200u);
  EXPECT_LT(widest, 210u);
  EXPECT_NE(text.find("\n  word"), text.npos);
}

TEST(Yaml, Flow) {
  EXPECT_EQ(yaml_flow(Json::parse(R"({"b":true,"a":"x","c":["d",1],"e":"f,g"})")),
            "{a: x, b: true, c: [d, 1], e: 'f,g'}\n");
}

}  // namespace
}  // namespace tamada::ctl
