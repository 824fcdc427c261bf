#include "config/log_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace tamada::config {
namespace {

class LogLine : public testing::Test {
 protected:
  LogLine() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  LogRecord record(std::string_view text = "no action") const {
    return {"INFO", text, std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'007)), where_};
  }
  std::string line(Log log) const {
    const auto format = LogFormat::create(log);
    return format ? format->line(record()) : "error: " + format.error().what;
  }
  std::source_location where_ = std::source_location::current();
};

TEST_F(LogLine, Plain) {
  const std::pair<const char*, const char*> cases[] = {
      {"%(asctime)s %(levelname)s: %(message)s", "2023-11-14 22:13:20,007 INFO: no action"},
      {"[%(levelname)-8s] %(levelno)05d %(message)s", "[INFO    ] 00020 no action"},
      {"%(levelname)8s|%(levelname).2s|%(levelname)4.2s|", "    INFO|IN|  IN|"},
      {"%(created)f %(msecs)03d %(msecs)s", "1700000000.007000 007 7.0"},
      {"%(processName)s %(threadName)s %(taskName)s", "MainProcess MainThread None"},
      {"%(module)s %(filename)s", "log_format_test log_format_test.cc"},
      {"100%% of %(message)s", "100% of no action"},
      {"nothing", "nothing"},
  };
  for (const auto& [format, expected] : cases) EXPECT_EQ(line({.format = format}), expected) << format;
  EXPECT_EQ(line({.format = "%(asctime)s", .dateformat = "%d.%m.%y %H"}), "14.11.23 22");
}

TEST_F(LogLine, Mistakes) {
  for (const char* format : {"%", "%s", "%(message)", "%(message", "%(message)d", "%(nobody)s", "%(levelno)1000d",
                             "%(message)-", "%(levelno)1.1.1f", "100 %"}) {
    EXPECT_FALSE(LogFormat::create({.format = format})) << format;
  }
  EXPECT_FALSE(LogFormat::create({.fields = {{"message", "message"}}}));
}

TEST_F(LogLine, AsJson) {
  EXPECT_EQ(line({.type = "json"}),
            R"({"asctime": "2023-11-14 22:13:20,007", "levelname": "INFO", "message": "no action"})");
  EXPECT_EQ(line({.type = "json",
                  .fields = {{"message", "message"}, {"asctime", "@timestamp"}, {"levelno", "levelno"}, {"x", "x"}},
                  .static_fields = Json::parse(R"({"app": "patroni"})")}),
            R"({"message": "no action", "levelno": 20, "x": null, "app": "patroni", )"
            R"("@timestamp": "2023-11-14 22:13:20,007"})");
  EXPECT_EQ(LogFormat::create({.type = "json", .format = "%(message)s"})->line(record("\"a\"\n\x7f\xc3\xa4")),
            R"({"message": "\"a\"\n\u007f\u00e4"})");
}

TEST_F(LogLine, NameOfThePart) { EXPECT_EQ(logger_name(where_), "patroni.config.log_format_test"); }

}  // namespace
}  // namespace tamada::config
