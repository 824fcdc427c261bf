#include "net/tls.h"

#include <gtest/gtest.h>

#include <memory>

#include "net/boot_timer.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_support.h"

namespace tamada::net {
namespace {

using test::RawServer;
using test::read_until;
using test::tcp;
using namespace std::chrono_literals;
using Verify = TlsServer::Verify;

class Tls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { certificates = std::make_unique<test::Certificates>(); }
  static void TearDownTestSuite() { certificates.reset(); }
  static inline std::unique_ptr<test::Certificates> certificates;

  asio::io_context io{1};
  std::unique_ptr<HttpServer> server;

  static std::string cert(const std::string& name) { return name.empty() ? "" : certificates->cert(name); }
  static std::string key(const std::string& name) { return name.empty() ? "" : certificates->key(name); }

  void start(Verify verify, const std::string& name = "server") {
    HttpServerOptions options{.port = "0"};
    options.tls =
        TlsServer{.cert_file = cert(name), .key_file = key(name), .ca_file = cert("ca"), .verify_client = verify};
    options.header_deadline = 100ms;
    auto handler = [](HttpRequest request) -> awaitable<HttpResponse> {
      HttpResponse response{.status = 200, .body = request.client_certificate ? "known" : "unknown"};
      co_return response;
    };
    server = std::make_unique<HttpServer>(io.get_executor(), options, HttpServer::Fast{}, handler);
    auto listening = server->listen();
    ASSERT_TRUE(listening) << listening.error().what;
  }
  // Returns the answer's body or the text of the error.
  std::string ask(const TlsClient& client, const std::string& host = "localhost") {
    std::string result;
    test::run(io, [&]() -> awaitable<void> {
      HttpClient http(*Url::parse("https://" + host + ":" + std::to_string(server->port())), client);
      HttpRequest request{.method = "GET", .target = "/"};
      for (int i = 0; i < 2; ++i) {
        auto response = co_await http.request(request, 5s);
        result = response ? response->body : response.error().what;
      }
    });
    return result;
  }
};

TEST_F(Tls, TheServersCertificateIsVerified) {
  struct {
    const char *name, *ca, *host;
    bool verify;
    const char* error;  // empty if the connection works
  } const cases[] = {
      {"server", "ca", "localhost", true, ""},
      {"server", "ca", "127.0.0.1", true, ""},
      {"server", "other", "localhost", true, "certificate"},
      {"server", "", "localhost", true, "certificate"},
      {"elsewhere", "ca", "localhost", true, "certificate"},
      {"elsewhere", "ca", "127.0.0.1", true, "certificate"},
      {"server", "", "localhost", false, ""},
      {"elsewhere", "other", "localhost", false, ""},
  };
  for (const auto& c : cases) {
    start(Verify::none, c.name);
    auto result = ask({.ca_file = cert(c.ca), .verify = c.verify}, c.host);
    if (*c.error == 0) {
      EXPECT_EQ(result, "unknown") << c.name << " " << c.ca << " " << c.host;
    } else {
      EXPECT_TRUE(result.contains("TLS handshake failed: ") && result.contains(c.error)) << result;
    }
  }
}

TEST_F(Tls, TheClientsCertificateIsVerified) {
  struct {
    Verify verify;
    const char* client;  // certificate
    const char* result;  // empty if the connection is refused
  } const cases[] = {
      {Verify::none, "", "unknown"},         {Verify::none, "client", "unknown"}, {Verify::optional, "", "unknown"},
      {Verify::optional, "client", "known"}, {Verify::optional, "other", ""},     {Verify::required, "", ""},
      {Verify::required, "client", "known"}, {Verify::required, "other", ""},
  };
  for (const auto& c : cases) {
    start(c.verify);
    auto result = ask({.ca_file = cert("ca"), .cert_file = cert(c.client), .key_file = key(c.client)});
    if (*c.result) {
      EXPECT_EQ(result, c.result) << c.client;
    } else {
      EXPECT_TRUE(result.starts_with("https://localhost:") || result.starts_with("cannot connect")) << result;
    }
  }
}

TEST_F(Tls, BadFilesAreNamed) {
  struct {
    TlsServer options;
    std::string what;
  } const cases[] = {
      {{.cert_file = "/nowhere/a.crt"}, "cannot use certificate /nowhere/a.crt: "},
      {{.cert_file = cert("server"), .key_file = "/nowhere/a.key"}, "cannot use private key /nowhere/a.key: "},
      {{.cert_file = cert("server"), .key_file = key("client")}, "cannot use private key "},
      {{.cert_file = cert("server")}, "cannot use private key "},  // the certificate's file has no key
      {{.cert_file = cert("server"), .key_file = key("server"), .ca_file = "/nowhere/ca"},
       "cannot use CA file /nowhere/ca: "},
      {{.cert_file = cert("server"), .key_file = key("server"), .ciphers = "NONSENSE"},
       "no usable cipher in 'NONSENSE'"},
  };
  for (const auto& c : cases) {
    auto context = server_context(c.options);
    ASSERT_FALSE(context) << c.what;
    EXPECT_TRUE(context.error().what.starts_with(c.what)) << context.error().what;
  }
  EXPECT_TRUE(client_context({.ca_file = "/nowhere"}).error().what.contains("/nowhere"));
}

TEST_F(Tls, KeysMayHavePasswordsAndMayBeInTheCertificatesFile) {
  certificates->openssl("pkey -in server.key -aes256 -passout pass:secret -out locked.key");
  certificates->openssl("x509 -in server.crt -out both.crt");
  std::filesystem::path both = cert("both");
  std::ofstream(both, std::ios::app) << std::ifstream(key("server")).rdbuf();
  EXPECT_TRUE(server_context({.cert_file = cert("server"), .key_file = key("locked"), .key_password = "secret"}));
  EXPECT_FALSE(server_context({.cert_file = cert("server"), .key_file = key("locked"), .key_password = "wrong"}));
  EXPECT_FALSE(server_context({.cert_file = cert("server"), .key_file = key("locked")}));
  EXPECT_TRUE(server_context({.cert_file = both.string()}));
}

TEST_F(Tls, ReloadTakesRenewedCertificates) {
  certificates->openssl("x509 -in elsewhere.crt -out changing.crt");
  certificates->openssl("pkey -in elsewhere.key -out changing.key");
  start(Verify::none, "changing");
  const TlsClient client{.ca_file = cert("ca")};
  EXPECT_TRUE(ask(client).contains("TLS handshake failed"));
  const HttpServerOptions options{
      .port = "0", .tls = TlsServer{.cert_file = cert("changing"), .key_file = key("changing"), .ca_file = cert("ca")}};
  certificates->openssl("x509 -in server.crt -out changing.crt");
  EXPECT_TRUE(server->reload(options));
  EXPECT_TRUE(server->certificate_trouble().contains("cannot use")) << "the key does not belong to the new certificate";
  EXPECT_TRUE(ask(client).contains("TLS handshake failed")) << "the old certificate must stay in use";
  certificates->openssl("pkey -in server.key -out changing.key");
  ASSERT_TRUE(server->reload(options));
  EXPECT_EQ(server->certificate_trouble(), "");
  EXPECT_EQ(ask(client), "unknown");
  HttpServerOptions elsewhere = options;
  elsewhere.tls->cert_file = "/nowhere/server.crt";
  EXPECT_FALSE(server->reload(elsewhere));
  EXPECT_EQ(ask(client), "unknown");
}

TEST_F(Tls, AHalfWrittenClientCertificateLeavesThePreviousOneInUse) {
  certificates->openssl("x509 -in client.crt -out mine.crt");
  certificates->openssl("pkey -in client.key -out mine.key");
  start(Verify::required);
  const TlsClient client{.ca_file = cert("ca"), .cert_file = cert("mine"), .key_file = key("mine")};
  EXPECT_EQ(ask(client), "known");
  std::filesystem::resize_file(cert("mine"), 100);
  EXPECT_EQ(ask(client), "known");
  EXPECT_TRUE(certificate_trouble(client).contains("mine.crt")) << certificate_trouble(client);
  const TlsClient another{.ca_file = cert("ca"), .cert_file = cert("mine"), .key_file = key("mine")};
  EXPECT_TRUE(ask(another).contains("cannot use certificate")) << "this client has read no certificate before";
  certificates->openssl("x509 -in client.crt -out mine.crt");
  EXPECT_EQ(ask(client), "known");
  EXPECT_EQ(certificate_trouble(client), "");
}

TEST_F(Tls, TheHostNeedNotMatchIfTheCheckIsOff) {
  start(Verify::none, "elsewhere");
  EXPECT_EQ(ask({.ca_file = cert("ca"), .verify_host = false}), "unknown");
  EXPECT_TRUE(ask({.ca_file = cert("other"), .verify_host = false}).contains("certificate"));
}

TEST_F(Tls, HandshakesHaveADeadline) {
  start(Verify::none);
  test::run(io, [&]() -> awaitable<void> {
    auto began = KernelBootClock::now();
    auto silent = co_await test::raw_connection(server->port());
    EXPECT_EQ(co_await read_until(silent, ""), "");
    EXPECT_GE(KernelBootClock::now() - began, 100ms);
    EXPECT_LT(KernelBootClock::now() - began, 5s);
  });
  RawServer unresponsive(io, [](tcp::socket& socket, int) -> awaitable<void> { co_await read_until(socket, "never"); });
  test::run(io, [&]() -> awaitable<void> {
    TlsClient tls;
    auto stream = co_await connect("127.0.0.1", unresponsive.port(), &tls, 50ms);
    CO_ASSERT(!stream);
    EXPECT_TRUE(stream.error().what.ends_with("timed out")) << stream.error().what;
  });
}

TEST_F(Tls, PlainHttpToATlsServerAndTlsToAPlainOneAreErrors) {
  start(Verify::none);
  test::run(io, [&]() -> awaitable<void> {
    auto socket = co_await test::raw_connection(server->port());
    co_await test::send(socket, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_FALSE((co_await read_until(socket, "")).contains("200"));
  });
  RawServer plain(io, [](tcp::socket& socket, int) -> awaitable<void> {
    co_await read_until(socket, "\x01");
    co_await test::send(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  test::run(io, [&]() -> awaitable<void> {
    TlsClient tls;
    auto stream = co_await connect("127.0.0.1", plain.port(), &tls, 5s);
    CO_ASSERT(!stream);
    EXPECT_TRUE(stream.error().what.contains("TLS handshake failed: ")) << stream.error().what;
  });
}

TEST_F(Tls, TheServersEndClosesConnectionsInTheirHandshake) {
  start(Verify::none);
  test::run(io, [&]() -> awaitable<void> {
    auto silent = co_await test::raw_connection(server->port());
    co_await test::send(silent, "\x16\x03\x01");
    TlsClient tls{.ca_file = cert("ca")};
    auto open = co_await connect("localhost", std::to_string(server->port()), &tls, 5s);
    CO_ASSERT(open);
    server.reset();
    EXPECT_EQ(co_await read_until(silent, ""), "");
    char byte = 0;
    bool ended = false;
    try {
      co_await (*open)->read_some({&byte, 1});
    } catch (const boost::system::system_error&) {
      ended = true;
    }
    EXPECT_TRUE(ended);
  });
}

}  // namespace
}  // namespace tamada::net
