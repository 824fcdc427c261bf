#include "wire/python_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace tamada::wire {
namespace {

TEST(PythonJson, PrintsAsJsonDumps) {
  // CPython 3.11's json.dumps(json.loads(line)) leaves each of these lines unchanged.
  for (const std::string text : {
           R"({"a": 1, "b": [1, 2.5, -3, true, false, null], "c": {}, "d": []})",
           R"("caf\u00e9 \ud83d\ude00 \u007f \u0001 \"\\\b\f\n\r\t/")",
           R"([1e-05, 0.0001, 1e+16, 1000000000000000.0, 0.1, 1.0, -0.0, 123456789.125, 18446744073709551615])",
       }) {
    EXPECT_EQ(dump_python(Json::parse(text)), text);
  }
}

TEST(PythonJson, CompactJsonHasNoBlanks) {
  EXPECT_EQ(dump_compact(Json::parse(R"({"a": [1, 2], "b": {"c": "d e"}})")), R"({"a":[1,2],"b":{"c":"d e"}})");
}

TEST(PythonJson, BrokenUtf8IsReplaced) {
  EXPECT_EQ(dump_python(Json("a\xff"
                             "b\xe1\x83")),
            R"("a\ufffdb\ufffd\ufffd")");
  // Found by the fuzzer: byte sequences that look like UTF-8 but encode no character led to JSON that no parser
  // accepts.
  for (const char* wrong : {"\xf7\x8d\x8d\x8d", "\xf4\x90\x80\x80", "\xed\xa0\x80", "\xc0\xaf", "\xf0\x80\x80\xaf"}) {
    EXPECT_EQ(dump_python(Json(wrong)), R"("\ufffd")") << wrong;
  }
  EXPECT_EQ(dump_python(Json("\xf4\x8f\xbf\xbf")), R"("\udbff\udfff")");
}

}  // namespace
}  // namespace tamada::wire
