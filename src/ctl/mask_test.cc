#include "ctl/mask.h"

#include <gtest/gtest.h>

namespace tamada::ctl {
namespace {

TEST(Mask, LeavesNoSecret) {
  const auto document = Json::parse(R"({"restapi": {"authentication": {"username": "me", "password": "geheim"}},
    "etcd3": {"password": 12345, "hosts": ["http://root:geheim@h:2379"]}, "keyfile_password": "geheim",
    "primary_conninfo": "host=x password=geheim user=y", "second": "password = 'ge heim' user=y",
    "notify": {"webhook": "https://chat.example/hooks/geheim", "authorization": "Bearer geheim"}, "ttl": 30, "pgpass": "/x"})");
  const auto text = masked(document).dump();
  EXPECT_EQ(text.find("geheim"), text.npos) << text;
  EXPECT_EQ(text.find("heim"), text.npos) << text;
  EXPECT_EQ(text.find("12345"), text.npos) << text;
  EXPECT_EQ(masked(document)["ttl"], 30);
  EXPECT_EQ(masked(document)["pgpass"], "/x");
  EXPECT_EQ(masked(document)["primary_conninfo"], "host=x password=*** user=y");
  EXPECT_EQ(masked(document)["etcd3"]["hosts"][0], "http://root:***@h:2379");
  EXPECT_EQ(masked_text("Authorization: Basic abc="), "Authorization: Basic ***");
  EXPECT_EQ(masked_text("{\"password\": \"ge\\\"heim\", \"a\": 1}"), "{\"password\": ***, \"a\": 1}");
  EXPECT_EQ(masked_text("http://127.0.0.1:2379: no answer"), "http://127.0.0.1:2379: no answer");
}

}  // namespace
}  // namespace tamada::ctl
