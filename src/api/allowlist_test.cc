#include "api/allowlist.h"

#include <gtest/gtest.h>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;

TEST(Allowlist, AddressesNetworksNames) {
  std::vector<std::string> problems;
  const Allowlist list(
      {"10.1.2.3", "192.168.7.9/20", "fd00::/9", "::1", "localhost", "1.2.3.4/33", "x/8", "no.such.host.invalid"},
      problems);
  EXPECT_EQ(problems.size(), 3u);
  struct Case {
    const char* address;
    bool let_in;
  };
  const Case cases[] = {{"10.1.2.3", true},      {"10.1.2.4", false},  {"192.168.0.1", true}, {"192.168.15.255", true},
                        {"192.168.16.0", false}, {"fd7f::1", true},    {"fd80::1", false},    {"::1", true},
                        {"127.0.0.1", true},     {"127.0.0.2", false}, {"junk", false},       {"", false}};
  for (const auto& c : cases) EXPECT_EQ(list.contains(c.address), c.let_in) << c.address;
  EXPECT_FALSE(list.empty());
}

TEST(Allowlist, IPv4ByEitherFamily) {
  std::vector<std::string> problems;
  const Allowlist list({"::ffff:127.0.0.1", "10.0.0.0/8", "::ffff:192.168.0.0/120"}, problems);
  EXPECT_TRUE(problems.empty());
  for (const char* address : {"127.0.0.1", "::ffff:127.0.0.1", "10.1.1.1", "::ffff:10.1.1.1", "192.168.0.9"}) {
    EXPECT_TRUE(list.contains(address)) << address;
  }
  for (const char* address : {"127.0.0.2", "::ffff:11.0.0.1", "192.168.1.0", "::1"}) {
    EXPECT_FALSE(list.contains(address)) << address;
  }
  EXPECT_FALSE(Allowlist({"::ffff:10.0.0.0/8"}, problems).contains("10.0.0.1"));
  EXPECT_EQ(problems.size(), 1u);
}

TEST(Allowlist, WithoutAListEverybodyIsLetInAndByAnInvalidOneNobody) {
  std::vector<std::string> problems;
  EXPECT_TRUE(Allowlist({}, problems).empty());
  EXPECT_FALSE(Allowlist({"1.2.3.4/99"}, problems).empty());
}

TEST(Access, TheAddressIsCheckedFirst) {
  std::vector<std::string> problems;
  RestApiOptions options;
  options.allowlist = Allowlist({"10.0.0.0/8"}, problems);
  options.allow_members = true;
  options.username = "u";
  options.password = "p";
  Node node(leader(), std::move(options));
  node.peer_address = "10.9.9.9";
  EXPECT_EQ(node.ask("POST", "/reload"), "401 no auth header received");
  node.peer_address = "127.0.0.1";  // the host of the members' api_urls
  EXPECT_EQ(node.ask("POST", "/reload"), "401 no auth header received");
  EXPECT_EQ(node.ask("POST", "/failsafe"), "403 Access is denied") << "a member has to be in the list for this";
  node.peer_address = "127.0.0.9";
  EXPECT_EQ(node.ask("POST", "/reload"), "403 Access is denied");
  EXPECT_EQ(node.ask("GET", "/cluster").substr(0, 3), "200") << "everybody may read";
}

TEST(Access, Headers) {
  RestApiOptions options;
  options.extra_headers = {{"X-Site", "a"}};
  options.own_headers = {{"Server", "Patroni"}};
  options.username = "u";
  Node node(leader(), std::move(options));
  struct Case {
    const char *method, *target;
    bool extra;
  };
  // As in Patroni, error pages and answers without a body have none of the operator's headers.
  const Case cases[] = {{"GET", "/patroni", true},   {"GET", "/primary", true},   {"GET", "/liveness", false},
                        {"HEAD", "/primary", false}, {"GET", "/failsafe", false}, {"POST", "/reload", true},
                        {"BREW", "/", false},        {"GET", "/tamada/x", false}};
  for (const auto& c : cases) {
    node.ask(c.method, c.target);
    EXPECT_EQ(node.answer->header("X-Site") != nullptr, c.extra) << c.method << c.target;
    EXPECT_NE(node.answer->header("Server"), nullptr) << c.method << c.target;
  }
}

}  // namespace
}  // namespace tamada::api
