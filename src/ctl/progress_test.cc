#include <gtest/gtest.h>

#include "ctl/handover_lines.h"
#include "ctl/member_facts.h"
#include "ctl/reinit_progress.h"

namespace tamada::ctl {
namespace {

TEST(ReinitProgress, IsTakenFromTheMembersAnswer) {
  const struct {
    const char* status;
    const char* text;
  } cases[] = {
      {R"({"state":"creating replica"})", ""},
      {R"({"copy":{"what":"pg_basebackup","bytes_done":0,"bytes_total":null}})", "pg_basebackup"},
      {R"({"copy":{"what":"pg_basebackup","bytes_done":1048576,"bytes_total":41943040,"bytes_per_s":524288,"seconds_left":78}})",
       "pg_basebackup 1.0 MB of 40.0 MB (2 %), 512.0 kB/s, 1:18 left"},
      {R"({"copy":{"what":"script","bytes_done":512,"bytes_total":null,"bytes_per_s":0,"seconds_left":null}})",
       "script 512 B"},
      {R"({"copy":7})", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(reinit_progress(Json::parse(c.status)), c.text) << c.status;
}

TEST(HandoverLines, EachPhaseIsPrintedOnce) {
  const auto handover = [](const char* state, const char* phases, const char* more = "") {
    return Json::parse(std::string(R"({"began":"2","state":")") + state + R"(","ms":300.5,"phases":)" + phases + more +
                       "}");
  };
  const char* first = R"([{"phase":"checkpoint","state":"running","ms":3}])";
  const char* second = R"([{"phase":"checkpoint","state":"done","ms":41},{"phase":"stop","state":"running","ms":2}])";
  const char* third = R"([{"phase":"checkpoint","state":"done","ms":41},{"phase":"stop","state":"done","ms":101.25}])";
  HandoverLines lines(Json{{"began", "1"}});
  EXPECT_EQ(lines.look(Json{{"began", "1"}, {"state", "done"}, {"phases", Json::array()}}), "");
  EXPECT_EQ(lines.look(nullptr), "");
  EXPECT_EQ(lines.look(handover("running", first)), "  checkpoint        3.0 ms ...");
  EXPECT_EQ(lines.look(handover("running", second)),
            "\r\033[K  checkpoint       41.0 ms\n  stop              2.0 ms ...");
  EXPECT_EQ(lines.look(handover("done", third, R"(,"outage_ms":266)")),
            "\r\033[K  stop            101.2 ms\n  done            300.5 ms, without a primary for 266.0 ms\n");
  EXPECT_EQ(lines.look(handover("done", third)), "");
  EXPECT_EQ(lines.end(), "");

  HandoverLines failing(nullptr);
  EXPECT_EQ(failing.look(handover("failed", first, R"(,"reason":"no healthy candidate")")),
            "  checkpoint        3.0 ms ...\r\033[K  failed: no healthy candidate\n");
}

TEST(ClockTime, OfATextThatIsNoTime) { EXPECT_EQ(clock_time("no time", 3), "no time"); }

}  // namespace
}  // namespace tamada::ctl
