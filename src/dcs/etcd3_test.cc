// Tests against a real etcd on free ports, with its data in a temporary folder.
#include "dcs/etcd3.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <optional>
#include <thread>

#include "dcs/etcd_codec.h"
#include "net/http_client.h"
#include "net/http_server.h"

extern char** environ;

namespace tamada::dcs {
namespace {

using namespace std::chrono_literals;
constexpr auto etcd_program = "/usr/bin/etcd";

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  (void)bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

pid_t spawn(const std::vector<std::string>& args) {
  std::vector<char*> argv;
  for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed ? 0 : pid;
}

// Runs one coroutine to its end; other coroutines of the loop go on meanwhile.
struct Loop {
  asio::io_context io{1};
  template <class T>
  T run(awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(
        io,
        [](awaitable<T> w, std::optional<T>& into) -> awaitable<void> { into.emplace(co_await std::move(w)); }(
                                                       std::move(work), result),
        asio::detached);
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return std::move(*result);
  }
  bool until(const std::function<bool()>& condition, std::chrono::seconds limit = 10s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) {
      if (io.run_one_for(100ms) == 0) io.restart();
    }
    return condition();
  }
};

struct Server {
  std::filesystem::path folder;
  int port = free_port(), peer_port = free_port();
  std::string scheme = "http";
  std::vector<std::string> extra;
  pid_t pid = 0;

  Server() {
    std::string name = (std::filesystem::temp_directory_path() / "etcd3_test.XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~Server() {
    stop();
    std::filesystem::remove_all(folder);
  }
  std::string url() const { return scheme + "://127.0.0.1:" + std::to_string(port); }
  config::Etcd options() const { return {.endpoints = {url()}}; }

  bool start(const config::Etcd& asking) {
    const auto peer = "http://127.0.0.1:" + std::to_string(peer_port);
    std::vector<std::string> args = {etcd_program,
                                     "--name=t",
                                     "--data-dir=" + (folder / "data").string(),
                                     "--listen-client-urls=" + url(),
                                     "--advertise-client-urls=" + url(),
                                     "--listen-peer-urls=" + peer,
                                     "--initial-advertise-peer-urls=" + peer,
                                     "--initial-cluster=t=" + peer,
                                     "--heartbeat-interval=20",
                                     "--election-timeout=200"};
    args.insert(args.end(), extra.begin(), extra.end());
    pid = spawn(args);
    if (pid == 0) return false;
    Loop loop;  // must be destroyed after the connections
    auto dcs = Etcd3::create(asking);
    if (!dcs) return false;
    for (int i = 0; i < 200; ++i) {
      auto answer = loop.run((*dcs)->range("/", 0, 1s));
      if (answer || answer.error().kind != ErrorKind::unreachable) return true;
      std::this_thread::sleep_for(50ms);  // the pause between two questions
    }
    return false;
  }
  bool start() { return start(options()); }
  void stop() {
    if (pid == 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = 0;
  }
};

#define NEED_ETCD() \
  if (!std::filesystem::exists(etcd_program)) GTEST_SKIP() << etcd_program << " is not installed"

struct Etcd3Test : testing::Test {
  static inline std::unique_ptr<Server> server;
  Loop loop;
  std::unique_ptr<Etcd3> dcs;

  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    NEED_ETCD();
    if (!server) {
      server = std::make_unique<Server>();
      ASSERT_TRUE(server->start());
    }
    dcs = std::move(*Etcd3::create(server->options()));
    ASSERT_TRUE(loop.run(dcs->txn({}, {Delete{.key = "/", .prefix = true}}, 5s)));
  }
  TxnResult put(const std::string& key, const std::string& value, LeaseId lease = {}) {
    auto done = loop.run(dcs->txn({}, {Put{.key = key, .value = value, .lease = lease}}, 5s));
    EXPECT_TRUE(done) << done.error().what;
    return done.value_or(TxnResult{});
  }
  Range all(Revision since = 0) {
    auto range = loop.run(dcs->range("/s/", since, 5s));
    EXPECT_TRUE(range) << range.error().what;
    return range.value_or(Range{});
  }
};

// A watch that runs for the time of the test.
struct Watching {
  std::vector<WatchBatch> batches;
  std::optional<DcsError> ended;
  asio::cancellation_signal cancel;
  bool gone = false;
  Loop& loop;

  Watching(Loop& on, Etcd3& dcs, Revision from) : loop(on) {
    asio::co_spawn(
        loop.io,
        [](Watching& self, Etcd3& etcd, Revision revision) -> awaitable<void> {
          self.ended =
              co_await etcd.watch("/s/", revision, [&](WatchBatch b) { self.batches.push_back(std::move(b)); });
        }(*this, dcs, from),
        asio::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr) { gone = true; }));
  }
  ~Watching() {
    cancel.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(loop.until([&] { return gone; }));
  }
  std::vector<std::string> events() const {
    std::vector<std::string> texts;
    for (const auto& batch : batches) {
      for (const auto& e : batch.events) texts.push_back((e.deleted ? "-" : "+") + e.kv.key + "=" + e.kv.value);
    }
    return texts;
  }
  bool wait(std::size_t count) {
    return loop.until([&] { return events().size() >= count; });
  }
};

TEST_F(Etcd3Test, RangeAfterReadsInPortions) {
  for (const char* key : {"/s/a", "/s/a/b", "/s/b", "/s/c", "/s/d"}) put(key, "v");
  put("/t/z", "v");
  std::vector<std::vector<std::string>> portions;
  std::vector<std::int64_t> counts;
  std::string after;
  for (int i = 0; i < 4; ++i) {
    const auto range = loop.run(dcs->range_after("/s/", after, 2, 5s));
    ASSERT_TRUE(range) << range.error().what;
    auto& keys = portions.emplace_back();
    for (const auto& kv : range->keys) keys.push_back(kv.key);
    counts.push_back(range->count);
    if (!keys.empty()) after = keys.back();
  }
  EXPECT_EQ(portions, (std::vector<std::vector<std::string>>{{"/s/a", "/s/a/b"}, {"/s/b", "/s/c"}, {"/s/d"}, {}}));
  EXPECT_EQ(counts, (std::vector<std::int64_t>{5, 3, 1, 0}));
}

TEST_F(Etcd3Test, NamesAfterReadsNoValues) {
  for (const char* key : {"/s/a", "/s/b", "/t/a", "u"}) put(key, "v");
  const auto names = [&](std::string after) {
    const auto range = loop.run(dcs->names_after("/", std::move(after), 10, 5s));
    std::string text;
    for (const auto& kv : range->keys) text += kv.key + "=" + kv.value + " ";
    return text;
  };
  EXPECT_EQ(names(""), "/s/a= /s/b= /t/a= ");
  EXPECT_EQ(names("/s/\xff"), "/t/a= ");
}

TEST_F(Etcd3Test, RangeSeesWhatTxnPut) {
  const auto first = put("/s/a", "1");
  const std::string bytes("\0\xff\n\"", 4);
  const auto second = put("/s/b", bytes);
  put("/t/c", "other");
  EXPECT_TRUE(first.succeeded);
  EXPECT_GT(second.revision, first.revision);
  const auto range = all();
  ASSERT_EQ(range.keys.size(), 2u);
  EXPECT_EQ(range.count, 2);
  EXPECT_EQ(range.keys[0].key, "/s/a");
  EXPECT_EQ(range.keys[1].value, bytes);
  EXPECT_EQ(range.keys[1].mod_revision, second.revision);
  EXPECT_GT(range.revision, second.revision);
  const auto changed = all(second.revision);
  ASSERT_EQ(changed.keys.size(), 1u);
  EXPECT_EQ(changed.keys[0].key, "/s/b");
  EXPECT_EQ(changed.count, 2);  // the check of the cache at each heartbeat relies on this count
  EXPECT_TRUE(all(range.revision + 1).keys.empty());
}

TEST_F(Etcd3Test, TxnComparesOrDoesNothing) {
  using What = Compare::What;
  const auto grant = loop.run(dcs->lease_grant(30s, 5s));
  ASSERT_TRUE(grant);
  const auto at = put("/s/k", "v", grant->id).revision;
  const struct {
    Compare compare;
    bool holds;
  } cases[] = {
      {{.what = What::mod_revision, .key = "/s/k", .revision = at}, true},
      {{.what = What::mod_revision, .key = "/s/k", .revision = at - 1}, false},
      {{.what = What::mod_revision, .key = "/s/none", .revision = 0}, true},
      {{.what = What::mod_revision, .key = "/s/k", .revision = 0}, false},
      {{.what = What::create_revision, .key = "/s/k", .revision = at}, true},
      {{.what = What::lease, .key = "/s/k", .lease = grant->id}, true},
      {{.what = What::lease, .key = "/s/k", .lease = LeaseId("1")}, false},
      {{.what = What::value, .key = "/s/k", .value = "v"}, true},
      {{.what = What::value, .key = "/s/k", .value = "w"}, false},
  };
  for (const auto& c : cases) {
    auto done = loop.run(dcs->txn({c.compare}, {Put{.key = "/s/done", .value = "x"}}, 5s));
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(done->succeeded, c.holds) << static_cast<int>(c.compare.what) << " of " << c.compare.key;
    EXPECT_EQ(all().keys.size(), c.holds ? 2u : 1u);
    ASSERT_TRUE(loop.run(dcs->txn({}, {Delete{.key = "/s/done"}}, 5s)));
  }
  auto twice = loop.run(dcs->txn({}, {Put{.key = "/s/k"}, Put{.key = "/s/k"}}, 5s));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::refused);
  EXPECT_NE(twice.error().what.find("duplicate key"), std::string::npos) << twice.error().what;
}

TEST_F(Etcd3Test, ALeaseEndsAndTakesItsKeys) {
  const auto grant = loop.run(dcs->lease_grant(900ms, 5s));
  ASSERT_TRUE(grant) << grant.error().what;
  EXPECT_EQ(grant->ttl, 1s);
  Watching watching(loop, *dcs, put("/s/member", "x", grant->id).revision + 1);
  const auto ttl = loop.run(dcs->lease_keepalive(grant->id, 5s));
  ASSERT_TRUE(ttl) << ttl.error().what;
  EXPECT_EQ(*ttl, 1s);
  EXPECT_EQ(all().keys[0].lease, grant->id);
  ASSERT_TRUE(watching.wait(1));
  EXPECT_EQ(watching.events()[0], "-/s/member=");
  const auto gone = loop.run(dcs->lease_keepalive(grant->id, 5s));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::lease_gone);
}

TEST_F(Etcd3Test, AnEndedLeaseIsReportedAsSuch) {
  const auto grant = loop.run(dcs->lease_grant(30s, 5s));
  ASSERT_TRUE(grant);
  EXPECT_TRUE(loop.run(dcs->lease_revoke(grant->id, 5s)));
  const auto again = loop.run(dcs->lease_revoke(grant->id, 5s));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::lease_gone);
  const auto written = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "", .lease = grant->id}}, 5s));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::lease_gone);
}

TEST_F(Etcd3Test, AWatchDeliversEveryChangeInOrder) {
  const auto from = put("/s/a", "0").revision;
  Watching watching(loop, *dcs, from);
  ASSERT_TRUE(watching.wait(1));
  for (int i = 1; i <= 20; ++i) put("/s/a", std::to_string(i));
  ASSERT_TRUE(loop.run(dcs->txn({}, {Put{.key = "/s/b", .value = "1"}, Delete{.key = "/s/a"}}, 5s)));
  put("/t/other", "x");
  const std::string big(300'000, 'x');
  put("/s/big", big);
  ASSERT_TRUE(watching.wait(24));
  const auto events = watching.events();
  for (int i = 0; i <= 20; ++i) EXPECT_EQ(events[static_cast<std::size_t>(i)], "+/s/a=" + std::to_string(i));
  EXPECT_EQ(events[23], "+/s/big=" + big);
  EXPECT_FALSE(watching.ended);
  // A watch that starts in the middle misses no event and delivers none twice.
  Watching resumed(loop, *dcs, from + 15);
  ASSERT_TRUE(resumed.wait(9));
  EXPECT_EQ(resumed.events(), std::vector(events.begin() + 15, events.end()));
}

TEST_F(Etcd3Test, AWatchOfACompactedRevisionFails) {
  const auto from = put("/s/a", "0").revision;
  const auto now = put("/s/a", "1").revision;
  net::HttpRequest compact;
  compact.method = "POST";
  compact.target = "/v3/kv/compaction";
  compact.body = R"({"revision":")" + std::to_string(now) + "\"}";
  ASSERT_EQ(loop.run(net::http_once(*net::Url::parse(server->url()), std::nullopt, compact, 5s))->status, 200);
  Watching watching(loop, *dcs, from);
  ASSERT_TRUE(loop.until([&] { return watching.ended.has_value(); }));
  EXPECT_EQ(watching.ended->kind, ErrorKind::compacted);
}

TEST_F(Etcd3Test, GoesOnWithTheServerThatAnswers) {
  const auto dead = "http://127.0.0.1:" + std::to_string(free_port());
  // This server accepts connections and never answers.
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  (void)bind(silent, reinterpret_cast<sockaddr*>(&address), size);
  listen(silent, 8);
  getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size);
  const auto unresponsive = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  dcs = std::move(*Etcd3::create({.endpoints = {dead, unresponsive, server->url()}}));
  auto begun = std::chrono::steady_clock::now();
  auto done = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "1"}}, 6s));
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  begun = std::chrono::steady_clock::now();
  EXPECT_EQ(all().count, 1);  // the key is still attached to its lease
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1500ms);

  dcs = std::move(*Etcd3::create({.endpoints = {dead, unresponsive}}));
  begun = std::chrono::steady_clock::now();
  auto none = loop.run(dcs->range("/s/", 0, 1500ms));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::unreachable);
  EXPECT_TRUE(none.error().what.starts_with("etcd " + unresponsive + ": no answer within ")) << none.error().what;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2500ms);
  close(silent);
}

TEST_F(Etcd3Test, JunkAnswersAreErrors) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  (void)bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener, 8);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const auto url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  std::thread junk([&] {
    for (int fd; (fd = accept(listener, nullptr, nullptr)) >= 0;) {
      char buffer[4096];
      while (read(fd, buffer, sizeof buffer) > 0) {
        constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"kvs\":";
        if (write(fd, answer.data(), answer.size()) < 0) break;
      }
      close(fd);
    }
  });
  dcs = std::move(*Etcd3::create({.endpoints = {url}}));
  const auto range = loop.run(dcs->range("/s/", 0, 2s));
  const auto txn = loop.run(dcs->txn({}, {Put{.key = "/s/a"}}, 2s));
  ASSERT_FALSE(range);
  ASSERT_FALSE(txn);
  EXPECT_EQ(range.error().kind, ErrorKind::unreachable);
  EXPECT_EQ(txn.error().kind, ErrorKind::unreachable);
  dcs.reset();
  shutdown(listener, SHUT_RDWR);
  junk.join();
  close(listener);
}

TEST(Etcd3, OutlivesARestartOfTheServer) {
  NEED_ETCD();
  Server server;
  ASSERT_TRUE(server.start());
  Loop loop;
  auto dcs = std::move(*Etcd3::create(server.options()));
  auto first = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "1"}}, 5s));
  ASSERT_TRUE(first);
  Watching watching(loop, *dcs, first->revision);
  ASSERT_TRUE(watching.wait(1));
  server.stop();
  ASSERT_TRUE(loop.until([&] { return watching.ended.has_value(); }));
  EXPECT_EQ(watching.ended->kind, ErrorKind::unreachable);
  auto down = loop.run(dcs->range("/s/", 0, 2s));
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().kind, ErrorKind::unreachable);
  ASSERT_TRUE(server.start());
  auto up = loop.run(dcs->range("/s/", 0, 5s));
  ASSERT_TRUE(up) << up.error().what;
  EXPECT_EQ(up->keys.size(), 1u);
}

// The status of a request to etcd's gateway without a token.
int ask(Loop& loop, const Server& server, const char* path, const char* body) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = path;
  request.body = body;
  return loop.run(net::http_once(*net::Url::parse(server.url()), std::nullopt, request, 5s))->status;
}

// The role of the user allows the keys below /s/ only.
TEST(Etcd3, NamesBeyondTheRoleAreRefused) {
  NEED_ETCD();
  Server server;
  ASSERT_TRUE(server.start());
  Loop loop;
  for (const auto& [path, body] : std::initializer_list<std::pair<const char*, const char*>>{
           {"user/add", R"({"name":"root","password":"x"})"},
           {"role/add", R"({"name":"root"})"},
           {"user/grant", R"({"user":"root","role":"root"})"},
           {"user/add", R"({"name":"node","password":"x"})"},
           {"role/add", R"({"name":"own"})"},
           {"role/grant", R"({"name":"own","perm":{"permType":"READ","key":"L3Mv","range_end":"L3Mw"}})"},
           {"user/grant", R"({"user":"node","role":"own"})"},
           {"enable", "{}"}}) {
    ASSERT_EQ(ask(loop, server, (std::string("/v3/auth/") + path).c_str(), body), 200) << path;
  }
  auto options = server.options();
  options.username = "node";
  options.password = "x";
  const auto dcs = std::move(*Etcd3::create(options, true));
  EXPECT_TRUE(loop.run(dcs->range_after("/s/", "", 10, 5s)));
  const auto refused = loop.run(dcs->names_after("/", "", 10, 5s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
}

TEST(Etcd3, LogsInAndRenewsTheToken) {
  NEED_ETCD();
  Server server;
  ASSERT_TRUE(server.start());
  Loop loop;
  auto options = server.options();
  options.username = "root";
  options.password = "se\"cret";
  // The user is configured before etcd has enabled authentication.
  auto dcs = std::move(*Etcd3::create(options));
  ASSERT_TRUE(loop.run(dcs->range("/s/", 0, 5s)));
  ASSERT_EQ(ask(loop, server, "/v3/auth/user/add", R"({"name":"root","password":"se\"cret"})"), 200);
  ASSERT_EQ(ask(loop, server, "/v3/auth/role/add", R"({"name":"root"})"), 200);
  ASSERT_EQ(ask(loop, server, "/v3/auth/user/grant", R"({"user":"root","role":"root"})"), 200);
  ASSERT_EQ(ask(loop, server, "/v3/auth/enable", "{}"), 200);

  auto put = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "1"}}, 5s));
  ASSERT_TRUE(put) << put.error().what;
  {
    Watching watching(loop, *dcs, put->revision);
    EXPECT_TRUE(watching.wait(1));
  }
  server.stop();  // etcd keeps tokens in memory, so a restart makes them invalid
  ASSERT_TRUE(server.start());
  auto again = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "2"}}, 5s));
  EXPECT_TRUE(again) << again.error().what;
  EXPECT_TRUE(loop.run(dcs->lease_grant(10s, 5s)));

  options.password = "wrong";
  auto refused = loop.run((*Etcd3::create(options))->range("/s/", 0, 5s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  auto nobody = loop.run((*Etcd3::create(server.options()))->range("/s/", 0, 5s));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, ErrorKind::refused);
}

// A busy etcd needs longer for a login than a request may take.
TEST(Etcd3, ASlowLoginIsFinishedOnceForAllRequests) {
  Loop loop;
  int logins = 0;
  net::HttpServer server(loop.io.get_executor(), {.port = "0"}, {},
                         [&](net::HttpRequest request) -> awaitable<net::HttpResponse> {
                           net::HttpResponse answer{.status = 200, .headers = {{"Content-Type", "application/json"}}};
                           const auto* token = request.header("Authorization");
                           if (request.target == "/version") {
                             answer.body = R"({"etcdserver":"3.4.23","etcdcluster":"3.4.0"})";
                           } else if (request.target.ends_with("/auth/authenticate")) {
                             ++logins;
                             asio::steady_timer hashing(co_await asio::this_coro::executor, 700ms);
                             co_await hashing.async_wait(use_awaitable);
                             answer.body = R"({"token":"t"})";
                           } else {
                             EXPECT_TRUE(token && *token == "t");
                             answer.body = R"({"header":{"revision":"5"}})";
                           }
                           co_return answer;
                         });
  ASSERT_TRUE(server.listen());
  config::Etcd options{.endpoints = {"http://127.0.0.1:" + std::to_string(server.port())}};
  options.username = "u";
  options.password = "p";
  auto dcs = std::move(*Etcd3::create(options));
  const auto end = std::chrono::steady_clock::now() + 10s;
  int attempts = 0;
  auto answer = loop.run(dcs->range("/s/", 0, 200ms));
  for (; !answer && std::chrono::steady_clock::now() < end; ++attempts) answer = loop.run(dcs->range("/s/", 0, 200ms));
  EXPECT_TRUE(answer);
  EXPECT_GE(attempts, 2);
  EXPECT_EQ(logins, 1);
}

TEST(Etcd3, SpeaksTls) {
  NEED_ETCD();
  Server server;
  const auto cert = (server.folder / "cert.pem").string(), key = (server.folder / "key.pem").string();
  const pid_t openssl =
      spawn({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert});
  if (openssl == 0) GTEST_SKIP() << "openssl is not installed";
  waitpid(openssl, nullptr, 0);
  server.scheme = "https";
  server.extra = {"--cert-file=" + cert, "--key-file=" + key, "--client-cert-auth", "--trusted-ca-file=" + cert};
  auto options = server.options();
  options.cacert = options.cert = cert;
  options.key = key;
  ASSERT_TRUE(server.start(options));
  Loop loop;
  auto dcs = std::move(*Etcd3::create(options));
  const auto put = loop.run(dcs->txn({}, {Put{.key = "/s/a", .value = "1"}}, 5s));
  ASSERT_TRUE(put) << put.error().what;
  Watching watching(loop, *dcs, put->revision);
  EXPECT_TRUE(watching.wait(1));
  auto strange = server.options();  // the system's authorities have not signed the server's certificate
  EXPECT_FALSE(loop.run((*Etcd3::create(strange))->range("/s/", 0, 2s)));
}

TEST(Etcd3, RefusesWrongEndpoints) {
  EXPECT_FALSE(Etcd3::create({}));
  EXPECT_FALSE(Etcd3::create({.endpoints = {"nonsense"}}));
  EXPECT_FALSE(Etcd3::create({.endpoints = {"http://a:1", "https://b:1"}}));
}

}  // namespace
}  // namespace tamada::dcs
