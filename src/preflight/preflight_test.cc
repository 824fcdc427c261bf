#include "preflight/preflight.h"

#include <gtest/gtest.h>

namespace tamada::preflight {
namespace {

TEST(Preflight, UnitsThatStartPostgres) {
  const std::string files =
      "postgresql.service                     enabled  enabled\n"
      "postgresql@.service                    indirect enabled\n"
      "postgresql@15-main.service             enabled-runtime enabled\n"
      "postgresql-15.service                  disabled disabled\n"
      "postgres-exporter.timer                enabled enabled\n";
  EXPECT_EQ(enabled_postgres_units(files),
            (std::vector<std::string>{"postgresql.service", "postgresql@15-main.service"}));
  EXPECT_TRUE(enabled_postgres_units("").empty());
}

TEST(Preflight, Text) {
  Findings findings{good("a"), warning("b", "mend b")};
  EXPECT_EQ(text(findings), "ok       a\nWARNING  b\n         -> mend b\nThis node may be started; 1 warning(s).\n");
  EXPECT_TRUE(passed(findings));
  findings.push_back(error("c", "mend c"));
  EXPECT_FALSE(passed(findings));
  EXPECT_TRUE(text(findings).ends_with("1 thing(s) to repair before the start; 1 warning(s).\n"));
}

}  // namespace
}  // namespace tamada::preflight
