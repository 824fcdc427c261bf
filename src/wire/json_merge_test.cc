#include "wire/json_merge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tamada::wire {
namespace {

struct Case {
  const char *target, *patch, *result;
  bool changed;
};

TEST(JsonMerge, MergesAsPatroniPatchesItsConfiguration) {
  const Case cases[] = {
      {R"({"ttl":30,"loop_wait":10})", R"({"ttl":32})", R"({"ttl":32,"loop_wait":10})", true},
      {R"({"ttl":30})", R"({"nosuch":1})", R"({"ttl":30,"nosuch":1})", true},
      {R"({"ttl":30,"pause":true})", R"({"pause":null})", R"({"ttl":30})", true},
      {R"({"ttl":30})", R"({"pause":null})", R"({"ttl":30})", false},
      {R"({"a":{"b":{"c":1,"d":2}}})", R"({"a":{"b":{"c":null,"e":3}}})", R"({"a":{"b":{"d":2,"e":3}}})", true},
      {R"({"a":{"b":1}})", R"({"a":{"b":1}})", R"({"a":{"b":1}})", false},
      {R"({"a":1})", R"({"a":{"b":1}})", R"({"a":{"b":1}})", true},
      {R"({"a":{"b":1}})", R"({"a":1})", R"({"a":1})", true},
      {R"({"ttl":30})", R"({"ttl":"30"})", R"({"ttl":30})", false},
      {R"({"on":true})", R"({"on":"true"})", R"({"on":"true"})", true},
      {R"({"l":[1,2]})", R"({"l":[2]})", R"({"l":[2]})", true},
  };
  for (const auto& c : cases) {
    auto target = nlohmann::ordered_json::parse(c.target);
    EXPECT_EQ(merge_json(target, nlohmann::ordered_json::parse(c.patch)), c.changed) << c.target << " " << c.patch;
    EXPECT_EQ(target.dump(), c.result) << c.target << " " << c.patch;
  }
}

}  // namespace
}  // namespace tamada::wire
