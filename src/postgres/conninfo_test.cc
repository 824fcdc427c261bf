#include "postgres/conninfo.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>

namespace tamada::postgres {
namespace {

const core::Upstream n2{
    .member = "n2", .conn_url = "postgres://127.0.0.1:27102/postgres", .host = "127.0.0.1", .port = "27102"};

config::Credentials replicator() {
  config::Credentials result;
  result.username = "replicator";
  result.password = "rep";
  return result;
}

const std::string keepalives = " keepalives_idle=10 keepalives_interval=5 keepalives_count=3";

// The expected text was captured from a Patroni cluster on PostgreSQL 15. Only the TCP timeouts are ours.
TEST(Conninfo, PrimaryConninfoAsPatroniWritesIt) {
  EXPECT_EQ(format(to_upstream(n2, replicator(), 150000, "/root/n0.pgpass", "n0")),
            "dbname=postgres user=replicator passfile=/root/n0.pgpass host=127.0.0.1 port=27102 sslmode=prefer "
            "application_name=n0 gssencmode=prefer channel_binding=prefer" +
                keepalives);
}

TEST(Conninfo, OldServersKnowFewerParameters) {
  EXPECT_EQ(
      format(to_upstream(n2, replicator(), 110000, "", "n0")),
      "dbname=postgres user=replicator host=127.0.0.1 port=27102 sslmode=prefer application_name=n0" + keepalives);
  EXPECT_EQ(format(to_upstream(n2, replicator(), 120000, "", "")),
            "dbname=postgres user=replicator host=127.0.0.1 port=27102 sslmode=prefer gssencmode=prefer" + keepalives);
}

TEST(Conninfo, EveryKeyOfTls) {
  auto user = replicator();
  user.sslmode = "verify-full";
  user.sslcert = "/c";
  user.sslkey = "/k";
  user.sslpassword = "p";
  user.sslrootcert = "/r";
  user.sslcrl = "/l";
  for (const auto& text : {format(authentication(user, 150000)), format(to_upstream(n2, user, 150000, "", ""))}) {
    EXPECT_TRUE(text.contains("sslmode=verify-full sslcert=/c sslkey=/k sslpassword=p sslrootcert=/r sslcrl=/l"))
        << text;
  }
}

TEST(Conninfo, EveryKeyOfAUser) {
  auto user = replicator();
  user.krbsrvname = "pg";
  user.sslcrldir = "/crl";
  user.sslnegotiation = "direct";
  EXPECT_EQ(
      format(to_upstream(n2, user, 170000, "", "n0")),
      "dbname=postgres user=replicator host=127.0.0.1 port=27102 sslmode=prefer sslcrldir=/crl application_name=n0 "
      "krbsrvname=pg gssencmode=prefer channel_binding=prefer sslnegotiation=direct" +
          keepalives);
  EXPECT_EQ(format(authentication(user, 130000)), "user=replicator krbsrvname=pg");
  EXPECT_EQ(format(authentication(user, 170000)), "user=replicator sslcrldir=/crl krbsrvname=pg sslnegotiation=direct");
}

TEST(Conninfo, NeverCarriesThePassword) {
  EXPECT_FALSE(format(to_upstream(n2, replicator(), 150000, "/p", "n0")).contains("rep "));
  EXPECT_FALSE(format(authentication(replicator(), 150000)).contains("password"));
}

TEST(Conninfo, Escapes) {
  EXPECT_EQ(format({{"user", "o'brien \\x"}, {"host", ""}}), "user=o\\'brien\\ \\\\x host=''");
}

// A value with white space is quoted, because libpq would end it there.
TEST(Conninfo, NoValueBreaksOut) {
  const std::string hostile = "h\nport=1\tuser=x\rpassfile=/y\vz";
  char* error = nullptr;
  auto* options = PQconninfoParse(format({{"host", hostile}, {"user", "a"}}).c_str(), &error);
  ASSERT_TRUE(options) << error;
  for (auto* option = options; option->keyword; ++option) {
    const std::string_view name = option->keyword;
    if (name == "host") EXPECT_EQ(option->val, hostile);
    if (name == "user") EXPECT_STREQ(option->val, "a");
    if (name == "port" || name == "passfile") EXPECT_EQ(option->val, nullptr);
  }
  PQconninfoFree(options);
}

TEST(Conninfo, AValueAddsNoLineToThePasswordFile) {
  EXPECT_NE(pgpass_line("h", "5432", replicator()), "");
  EXPECT_EQ(pgpass_line("h\n*:*:*:*:x", "5432", replicator()), "");
  EXPECT_EQ(pgpass_line("h", "1\r", replicator()), "");
}

TEST(Conninfo, DatabaseOfUrl) {
  EXPECT_EQ(database_of("postgres://h:5432/app"), "app");
  EXPECT_EQ(database_of("postgres://h:5432/app?x=1"), "app");
  EXPECT_EQ(database_of("postgres://h:5432/"), "postgres");
  EXPECT_EQ(database_of("postgres://h:5432"), "postgres");
  EXPECT_EQ(database_of(""), "postgres");
}

TEST(Conninfo, PasswordFile) {
  EXPECT_EQ(pgpass_line("127.0.0.1", "27102", replicator()), "127.0.0.1:27102:*:replicator:rep\n");
  config::Credentials odd;
  odd.username = "a:b";
  odd.password = "c\\d";
  EXPECT_EQ(pgpass_line("::1", "1", odd), "\\:\\:1:1:*:a\\:b:c\\\\d\n");
  EXPECT_EQ(pgpass_line("h", "1", {}), "");
  EXPECT_EQ(pgpass_line("a,b", "1", replicator()), "a:1:*:replicator:rep\nb:1:*:replicator:rep\n");
  EXPECT_EQ(pgpass_line("a,b", "1,2", replicator()), "a:1:*:replicator:rep\nb:2:*:replicator:rep\n");
  EXPECT_EQ(pgpass_line("a", "", replicator()), "a:*:*:replicator:rep\n");
}

TEST(Conninfo, QuotesForSql) {
  EXPECT_EQ(quote_literal("a'b"), "'a''b'");
  EXPECT_EQ(quote_literal("a\\'b"), " E'a\\\\''b'");
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
}

}  // namespace
}  // namespace tamada::postgres
