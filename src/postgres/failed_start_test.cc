#include "postgres/failed_start.h"

#include <gtest/gtest.h>

namespace tamada::postgres {
namespace {

TEST(FailedStart, TheFirstMistakeIsToldWithItsFileAndLine) {
  struct Case {
    std::vector<std::string> lines;
    std::string told;
  };
  const Case cases[] = {
      {{R"(LOG:  could not open directory "pg_tblspc": No such file)", R"(LOG:  invalid authentication method "trust")",
        R"(CONTEXT:  line 3 of configuration file "/data/pg_hba.conf")",
        R"(LOG:  invalid IP mask "999": Name or service not known)",
        R"(CONTEXT:  line 5 of configuration file "/data/pg_hba.conf")", R"(FATAL:  could not load /data/pg_hba.conf)"},
       R"(/data/pg_hba.conf line 3: invalid authentication method "trust")"},
      {{R"(LOG:  end-of-line before authentication method)", R"(HINT:  Something.)",
        R"(CONTEXT:  line 7 of configuration file "/data/a "b".conf")"},
       R"(/data/a "b".conf line 7: end-of-line before authentication method)"},
      {{R"(LOG:  syntax error in file "/data/postgresql.conf" line 12, near token "=")",
        R"(FATAL:  configuration file "/data/postgresql.conf" contains errors)"},
       R"(syntax error in file "/data/postgresql.conf" line 12, near token "=")"},
      {{R"(LOG:  unrecognized configuration parameter "work_memm" in file "/data/conf.d/a.conf" line 1)",
        R"(FATAL:  configuration file "/data/conf.d/a.conf" contains errors)"},
       R"(unrecognized configuration parameter "work_memm" in file "/data/conf.d/a.conf" line 1)"},
      {{R"(LOG:  invalid value for parameter "work_mem": "much")",
        R"(FATAL:  configuration file "/data/postgresql.conf" contains errors)"},
       R"(invalid value for parameter "work_mem": "much"; configuration file "/data/postgresql.conf" contains errors)"},
      {{R"(FATAL:  could not load server certificate file "server.crt": No such file)"},
       R"(could not load server certificate file "server.crt": No such file)"},
      {{"nothing of the kind"}, ""},
      {{}, ""},
  };
  for (const auto& c : cases) EXPECT_EQ(first_mistake(c.lines), c.told);
}

}  // namespace
}  // namespace tamada::postgres
