#include "config/yaml_emit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/yaml.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

// The expected text is what patronictl show-config printed.
TEST(EmitYaml, AsPatronictlPrints) {
  EXPECT_EQ(
      emit_yaml(Json::parse(R"({"loop_wait":10,"postgresql":{"use_pg_rewind":true,"parameters":{"hot_standby":"on",
              "max_connections":50,"wal_keep_size":"128MB"},"pg_hba":["host all all 0.0.0.0/0 md5",{"b":1,"a":null}]},
              "empty":{},"none":[]})")),
      "empty: {}\nloop_wait: 10\nnone: []\npostgresql:\n  parameters:\n    hot_standby: 'on'\n    max_connections: 50\n"
      "    wal_keep_size: 128MB\n  pg_hba:\n  - host all all 0.0.0.0/0 md5\n  - a: null\n    b: 1\n"
      "  use_pg_rewind: true\n");
}

TEST(EmitYaml, Scalars) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("on")", "'on'"},
      {R"("plain text")", "plain text"},
      {R"("010")", "'010'"},
      {R"("08")", "08"},
      {R"("1:30")", "'1:30'"},
      {R"("")", "''"},
      {R"("~")", "'~'"},
      {R"("2026-11-22")", "'2026-11-22'"},
      {R"("2099-01-01T00:00:00+00:00")", "'2099-01-01T00:00:00+00:00'"},
      {R"("2099-1-1")", "2099-1-1"},
      {R"("99999999999999999999")", "'99999999999999999999'"},
      {R"("=")", "'='"},
      {R"("a: b")", "'a: b'"},
      {R"("a #b")", "'a #b'"},
      {R"("it's")", "it's"},
      {R"("- x")", "'- x'"},
      {R"("%p")", "'%p'"},
      {R"("a\tb")", "\"a\\tb\""},
      {R"("é")", "é"},
      {R"(1.5)", "1.5"},
      {R"(1e-05)", "1.0e-05"},
      {R"(1e300)", "1.0e+300"},
      {R"(true)", "true"},
      {R"(null)", "null"},
  };
  for (const auto& [json, yaml] : cases) {
    EXPECT_EQ(emit_yaml({{"a", Json::parse(json)}}), std::string("a: ") + yaml + "\n") << json;
  }
  EXPECT_EQ(emit_yaml({{"a", "é"}}, {.unicode = false}), "a: \"\\xE9\"\n");
  EXPECT_EQ(emit_yaml({{"on", 1}}), "'on': 1\n");
}

TEST(EmitYaml, ReadsBackAsItWas) {
  const Json value = Json::parse(R"({"a":["x\n\ny ","# no",{"k":[[],{}]}],"long":")" + std::string(200, 'x') + " " +
                                 std::string(200, 'y') + R"(","t":"yes","z":-1})");
  const auto document = parse_yaml(emit_yaml(value), "f");
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_EQ(document->value, value);
}

}  // namespace
}  // namespace tamada::config
