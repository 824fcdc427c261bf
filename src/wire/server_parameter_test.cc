#include "wire/server_parameter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tamada::wire {
namespace {

TEST(ServerParameter, IsReadAsItIsWritten) {
  const ServerParameters parameters = {
      {.name = "work_mem", .vartype = "integer", .unit = "kB", .min = "64", .max = "2147483647", .words = {}},
      {.name = "pg_stat_statements.track", .vartype = "enum", .words = {"none", "top", "all"}}};
  const auto json = server_parameters_json(parameters);
  EXPECT_EQ(json[1].dump(), R"({"name":"pg_stat_statements.track","vartype":"enum","enumvals":["none","top","all"]})");
  EXPECT_EQ(parse_server_parameters(json.dump()), parameters);
}

TEST(ServerParameter, WhatIsNoneIsLeftOut) {
  for (const char* odd : {"", "{}", "[1]", R"([{"vartype":"bool"}])", "[", R"([{"name":7}])"}) {
    EXPECT_TRUE(parse_server_parameters(odd).empty()) << odd;
  }
  const auto some = parse_server_parameters(R"([{"name":"a","enumvals":[1,"b"],"min_val":[]}])");
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0].words, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace tamada::wire
