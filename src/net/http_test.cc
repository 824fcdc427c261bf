#include "net/http.h"

#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/http_server.h"

namespace tamada::net {
namespace {

TEST(Http, HeadersAreFoundWhateverTheirCase) {
  HttpResponse response{.headers = {{"Content-Type", "a"}, {"X-Lsn", "1"}, {"x-lsn", "2"}}};
  ASSERT_NE(response.header("content-type"), nullptr);
  EXPECT_EQ(*response.header("CONTENT-TYPE"), "a");
  EXPECT_EQ(*response.header("x-LSN"), "1");
  EXPECT_EQ(response.header("content"), nullptr);
  EXPECT_EQ(HttpRequest{}.header("a"), nullptr);
}

TEST(Http, ReasonsArePythons) {
  EXPECT_EQ(reason(200), "OK");
  EXPECT_EQ(reason(412), "Precondition Failed");
  EXPECT_EQ(reason(413), "Request Entity Too Large");
  EXPECT_EQ(reason(422), "Unprocessable Entity");
  EXPECT_EQ(reason(503), "Service Unavailable");
  EXPECT_EQ(reason(299), "");
}

TEST(Http, Dates) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), core::WallTime(std::chrono::seconds(784111777)));
  for (const char* other : {"", "now", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"}) {
    EXPECT_EQ(parse_http_date(other), std::nullopt) << other;
  }
}

TEST(Http, NoHeaderBreaksOut) {
  const HttpResponse response{.headers = {{"A", "x\r\nSet-Cookie: y\x1b[2J"}}};
  EXPECT_TRUE(serialize(response, true, false).contains("\r\nA: x  Set-Cookie: y [2J\r\n"));
}

TEST(Http, Serialized) {
  HttpResponse response{.status = 503, .headers = {{"Content-Type", "application/json"}}, .body = "{}"};
  const std::string header =
      "HTTP/1.1 503 Service Unavailable\r\nServer: Tamada\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
  EXPECT_EQ(serialize(response, true, false), header + "\r\n{}");
  EXPECT_EQ(serialize(response, true, true), header + "\r\n");
  EXPECT_EQ(serialize(response, false, false), header + "Connection: close\r\n\r\n{}");
}

TEST(Url, Parsed) {
  struct {
    const char *text, *scheme, *host, *port, *path;
  } const cases[] = {
      {"http://127.0.0.1:2379", "http", "127.0.0.1", "2379", ""},
      {"https://etcd1", "https", "etcd1", "443", ""},
      {"http://etcd1/", "http", "etcd1", "80", "/"},
      {"http://[::1]:8008/patroni", "http", "::1", "8008", "/patroni"},
      {"http://[fe80::1]", "http", "fe80::1", "80", ""},
      {"http://a:1?x=1", "http", "a", "1", "?x=1"},
  };
  for (const auto& c : cases) {
    auto url = Url::parse(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->scheme, c.scheme);
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->path, c.path);
  }
}

TEST(Url, Refused) {
  for (const char* text : {"", "etcd1:2379", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:65536",
                           "http://a:b", "http://a:1x", "http://[::1", "http://[::1]x", "http://a b", "http://u:p@a"}) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
  EXPECT_FALSE(Url::parse("http://u:secret@a").error().what.contains("secret"));
}

}  // namespace
}  // namespace tamada::net
