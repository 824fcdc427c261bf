// Tests with real servers. They run as the user postgres, because PostgreSQL refuses root.
#include <arpa/inet.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/divergence.h"
#include "net/test_support.h"
#include "postgres/connection.h"
#include "postgres/files.h"
#include "postgres/local_postgres.h"
#include "postgres/postmaster.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;
using core::ProcessState;

std::string find_bin_dir() {
  for (const int major : {18, 17, 16, 15, 14, 13, 12, 11, 10}) {
    const std::string path = "/usr/lib/postgresql/" + std::to_string(major) + "/bin";
    if (exists(path + "/postgres")) return path;
  }
  return "";
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  (void)::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

std::vector<int> children(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<int> result{std::istream_iterator<int>(file), {}};
  std::ranges::sort(result);
  return result;
}

bool become_postgres() {
  if (::geteuid() != 0) return true;
  const passwd* user = ::getpwnam("postgres");
  return user && ::initgroups("postgres", user->pw_gid) == 0 && ::setgid(user->pw_gid) == 0 &&
         ::setuid(user->pw_uid) == 0 && ::chdir("/tmp") == 0;
}

// One node: its configuration and its server.
struct TestNode {
  config::Local local;
  config::Json dynamic = config::Json::object();
  std::unique_ptr<LocalPostgres> postgres;

  TestNode(asio::any_io_executor executor, const std::string& root, const std::string& name) {
    local.scope = "demo";
    local.name = name;
    auto& postgresql = local.postgresql;
    postgresql.listen_hosts = {"127.0.0.1"};
    postgresql.listen_port = std::to_string(free_port());
    postgresql.connect_host = "127.0.0.1";
    postgresql.connect_port = postgresql.listen_port;
    postgresql.data_dir = root + "/" + name;
    postgresql.config_dir = postgresql.data_dir;
    postgresql.bin_dir = find_bin_dir();
    postgresql.pgpass = root + "/" + name + ".pgpass";
    postgresql.superuser.username = "postgres";
    postgresql.superuser.password = "su'per\\";
    postgresql.replication.username = "replicator";
    postgresql.replication.password = "rep";
    postgresql.rewind.username = "rewinder";
    postgresql.rewind.password = "rew";
    postgresql.parameters = {{"unix_socket_directories", root}, {"shared_buffers", "16MB"}, {"fsync", "off"}};
    postgresql.basebackup_options = {"--checkpoint=fast", "--no-sync"};
    postgresql.pg_hba = {"host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"};
    local.bootstrap.initdb = {"--encoding=UTF8", "--no-sync", "--auth=scram-sha-256"};
    postgres = std::make_unique<LocalPostgres>(executor, local, [this]() -> const config::Json& { return dynamic; });
  }

  core::Upstream upstream() const {
    const auto& postgresql = local.postgresql;
    return {.member = local.name,
            .conn_url = "postgres://127.0.0.1:" + postgresql.listen_port + "/postgres",
            .host = "127.0.0.1",
            .port = postgresql.listen_port};
  }
  const std::string& data_dir() const { return local.postgresql.data_dir; }
};

struct PostgresServer : testing::Test {
  asio::io_context io{1};
  std::string root;
  std::unique_ptr<TestNode> n0, n1;

  void SetUp() override {
    if (find_bin_dir().empty()) GTEST_SKIP() << "no PostgreSQL server is installed";
    if (!become_postgres()) GTEST_SKIP() << "runs as root, and there is no user postgres to run the server as";
    root = "/tmp/tamada_pg_XXXXXX";
    ASSERT_TRUE(::mkdtemp(root.data()));
    n0 = std::make_unique<TestNode>(io.get_executor(), root, "n0");
    n1 = std::make_unique<TestNode>(io.get_executor(), root, "n1");
  }

  void TearDown() override {
    for (auto* node : {n0.get(), n1.get()}) {
      if (node) (void)complete(node->postgres->stop(core::StopMode::immediate, false, 5s));
    }
    n0.reset();
    n1.reset();
    net::test::finish_other_threads();
    if (!root.empty()) std::filesystem::remove_all(root);
  }

  template <class T>
  T complete(awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr error, T value) {
      failure = error;
      result.emplace(std::move(value));
      io.stop();  // the watch of a server would keep the loop running
    });
    while (!result) {  // a test's on_exit stops the loop, too
      io.restart();
      io.run();
    }
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }

  core::PostgresView observe(TestNode& node) { return complete(node.postgres->observe(3s, 10s)); }

  awaitable<bool> holds(TestNode* node, bool (*condition)(const core::PostgresView&), Duration timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition(co_await node->postgres->observe(3s, 10s))) {
      if (std::chrono::steady_clock::now() > deadline) co_return false;
      asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(10));
      co_await timer.async_wait(use_awaitable);
    }
    co_return true;
  }
  bool eventually(TestNode& node, bool (*condition)(const core::PostgresView&)) {
    return complete(holds(&node, condition, 15s));
  }

  awaitable<Result<std::string>> ask_sql(std::string port, std::string sql) {
    Connection connection(co_await asio::this_coro::executor);
    auto opened = co_await connection.open({{"hostaddr", "127.0.0.1"},
                                            {"port", port},
                                            {"user", "postgres"},
                                            {"password", "su'per\\"},
                                            {"dbname", "postgres"}},
                                           5s);
    if (!opened) co_return std::unexpected(opened.error());
    const auto rows = co_await connection.query(std::move(sql), 5s);
    if (!rows) co_return std::unexpected(rows.error());
    co_return rows->empty() ? std::string() : rows->front().front().value_or("null");
  }
  std::string sql(TestNode& node, std::string text) {
    auto answer = complete(ask_sql(node.local.postgresql.listen_port, std::move(text)));
    return answer ? *answer : "error: " + answer.error().what;
  }
  bool comes_to_show(TestNode& node, const std::string& parameter, const std::string& value) {
    const auto deadline = std::chrono::steady_clock::now() + 15s;
    while (sql(node, "show " + parameter) != value) {
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

  int postmaster_pid(TestNode& node) {
    const auto file = read_postmaster_pid(node.data_dir());
    return file ? file->pid : 0;
  }
};

#define ASSERT_OK(expression)                     \
  do {                                            \
    const auto result_ = (expression);            \
    ASSERT_TRUE(result_) << result_.error().what; \
  } while (false)

TEST_F(PostgresServer, BootstrapCrashCopyPromoteRewind) {
  // ---- bootstrap
  EXPECT_EQ(observe(*n0).data_directory, core::DataDirectory::absent);
  n0->local.bootstrap.post_bootstrap = "psql -qAt -c 'create table made_by_script ()' -d";
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  auto view = observe(*n0);
  EXPECT_EQ(view.data_directory, core::DataDirectory::valid);
  EXPECT_EQ(view.process, ProcessState::running);
  ASSERT_TRUE(view.running_primary());
  EXPECT_EQ(view.sql->timeline, 1u);
  EXPECT_FALSE(view.system_identifier.empty());
  EXPECT_FALSE(view.standby_signal);
  EXPECT_EQ(sql(*n0, "select count(*) from pg_class where relname = 'made_by_script'"), "1");
  EXPECT_EQ(sql(*n0, "select rolreplication from pg_authid where rolname = 'replicator'"), "t");
  EXPECT_EQ(sql(*n0, "select has_function_privilege('rewinder', 'pg_ls_dir(text, boolean, boolean)', 'execute')"), "t");
  EXPECT_EQ(sql(*n0, "show cluster_name"), "demo");

  // ---- a crash is noticed at once, and the server is started again
  bool told = false;
  n0->postgres->on_exit([&] {
    told = true;
    io.stop();
  });
  ASSERT_EQ(::kill(postmaster_pid(*n0), SIGKILL), 0);
  io.restart();
  io.run_for(30s);  // nothing else than the end of the server would tell
  EXPECT_TRUE(told);
  n0->postgres->on_exit([] {});
  view = observe(*n0);
  EXPECT_EQ(view.process, ProcessState::stopped);
  EXPECT_TRUE(view.crashed);
  ASSERT_TRUE(view.control);
  EXPECT_EQ(view.control->state, core::ControlState::in_production);
  ASSERT_OK(complete(n0->postgres->start(nullptr, 30s)));
  EXPECT_FALSE(observe(*n0).crashed);

  // ---- a standby
  ASSERT_OK(complete(n0->postgres->sync_slots({{"n1"}, {"n2"}}, {{"nosuch", "for a test"}})));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  EXPECT_TRUE(observe(*n1).standby_signal);
  const auto upstream = n0->upstream();
  ASSERT_OK(complete(n1->postgres->start(&upstream, 30s)));
  EXPECT_TRUE(eventually(*n1, [](const core::PostgresView& seen) {
    return seen.running_standby() && seen.sql->replication_state == "streaming";
  }));
  view = observe(*n0);
  ASSERT_TRUE(view.running_primary());
  ASSERT_EQ(view.sql->replication.size(), 1u);
  EXPECT_EQ(view.sql->replication[0].application_name, "n1");
  ASSERT_EQ(view.sql->slots.size(), 2u);
  ASSERT_OK(complete(n0->postgres->sync_slots({}, {{"n2", "for a test"}})));
  EXPECT_EQ(observe(*n0).sql->slots.size(), 1u);

  // ---- the first synchronous standby is not named while commits do not wait, because the checkpointer is busy
  n0->dynamic["synchronous_mode"] = true;
  const auto checkpointer = std::stoi(sql(*n0, "select pid from pg_stat_activity where backend_type = 'checkpointer'"));
  ASSERT_EQ(::kill(checkpointer, SIGSTOP), 0);
  const auto refused = complete(n0->postgres->set_sync_names("n1"));
  ASSERT_EQ(::kill(checkpointer, SIGCONT), 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().what.contains("checkpointer")) << refused.error().what;
  EXPECT_EQ(sql(*n0, "show synchronous_standby_names"), "");

  // ---- the end of a synchronous standby's connection is noticed at once
  ASSERT_OK(complete(n0->postgres->set_sync_names("n1")));
  EXPECT_TRUE(eventually(*n0, [](const core::PostgresView& seen) {
    return seen.sql && seen.sql->replication.size() == 1 && seen.sql->replication[0].sync_priority == 1;
  }));
  told = false;
  n0->postgres->on_exit([&] {
    told = true;
    io.stop();
  });
  EXPECT_EQ(sql(*n0, "select pg_terminate_backend(pid) from pg_stat_replication"), "t");
  io.restart();
  if (!told) io.run_for(5s);
  EXPECT_TRUE(told);
  n0->postgres->on_exit([] {});
  ASSERT_OK(complete(n0->postgres->set_sync_names("")));
  n0->dynamic.erase("synchronous_mode");
  EXPECT_TRUE(eventually(
      *n1, [](const core::PostgresView& seen) { return seen.sql && seen.sql->replication_state == "streaming"; }));

  auto asked = complete(n0->postgres->ask(n1->upstream(), 3s));
  EXPECT_TRUE(asked.reachable) << asked.error;
  EXPECT_TRUE(asked.in_recovery);
  EXPECT_EQ(asked.system_identifier, view.system_identifier);

  // ---- the standby is promoted while the primary runs; both write and diverge
  ASSERT_OK(complete(n1->postgres->promote()));
  ASSERT_TRUE(observe(*n1).running_primary());
  EXPECT_EQ(observe(*n1).sql->timeline, 2u);
  EXPECT_EQ(sql(*n1, "create table on_n1 ()"), "");
  EXPECT_EQ(sql(*n0, "create table on_n0 ()"), "");
  ASSERT_OK(complete(n1->postgres->checkpoint()));
  const auto history = complete(n1->postgres->timeline_history(2));
  ASSERT_TRUE(history) << history.error().what;
  ASSERT_EQ(history->size(), 1u);
  EXPECT_EQ(history->front().timeline, 1u);

  // ---- the old primary crashes and becomes a standby of the new one by pg_rewind
  ASSERT_EQ(::kill(postmaster_pid(*n0), SIGKILL), 0);
  EXPECT_TRUE(eventually(*n0, [](const core::PostgresView& seen) { return !seen.has_postmaster(); }));
  asked = complete(n0->postgres->ask(n1->upstream(), 3s));
  EXPECT_FALSE(asked.in_recovery) << asked.error;
  EXPECT_EQ(asked.history, *history);
  EXPECT_EQ(core::divergence(observe(*n0), asked, std::nullopt), core::Divergence::diverged);
  const auto state = [&] { return observe(*n0).control->state; };
  const auto before = state();
  std::ofstream(n0->data_dir() + "/backup_label") << "as in a base backup\n";
  ASSERT_OK(complete(n0->postgres->rewind(n1->upstream())));
  EXPECT_EQ(state(), before);  // a data directory with a backup_label is left alone
  ASSERT_TRUE(std::filesystem::remove(n0->data_dir() + "/backup_label"));
  ASSERT_TRUE(std::filesystem::remove(n0->data_dir() + "/standby.signal"));
  n0->local.postgresql.recovery_conf["restore_command"] = "false";  // a primary's postgresql.conf does not contain it
  ASSERT_OK(complete(n0->postgres->rewind(n1->upstream())));
  ASSERT_OK(complete(n1->postgres->sync_slots({{"n0"}}, {})));
  const auto successor = n1->upstream();
  ASSERT_OK(complete(n0->postgres->start(&successor, 30s)));
  EXPECT_TRUE(eventually(*n0, [](const core::PostgresView& seen) {
    return seen.running_standby() && seen.sql->timeline == 2 && seen.sql->replication_state == "streaming";
  }));
  EXPECT_EQ(sql(*n0, "select count(*) from pg_class where relname in ('on_n0', 'on_n1')"), "1");

  // ---- stop
  ASSERT_OK(complete(n1->postgres->stop(core::StopMode::fast, true, 30s)));
  view = observe(*n1);
  EXPECT_EQ(view.process, ProcessState::stopped);
  EXPECT_FALSE(view.crashed);
  EXPECT_EQ(view.control->state, core::ControlState::shut_down);
}

// A standby whose WAL receiver is just being started takes note of the request, and would then sleep for
// wal_retrieve_retry_interval. A failover asks for the promotion at that very moment. Here the postmaster starts the
// WAL receiver only when it has been asked for the promotion, and the WAL receiver gets no further until the request is
// read.
TEST_F(PostgresServer, IsPromotedAtOnceWhileItsWalReceiverStarts) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  ASSERT_OK(complete(n0->postgres->sync_slots({{"n1"}}, {})));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  n1->dynamic["postgresql"]["parameters"]["wal_retrieve_retry_interval"] = "60s";
  const auto upstream = n0->upstream();
  ASSERT_OK(complete(n1->postgres->start(&upstream, 30s)));
  EXPECT_TRUE(eventually(*n1, [](const core::PostgresView& seen) {
    return seen.running_standby() && seen.sql->replication_state == "streaming";
  }));
  const int postmaster = postmaster_pid(*n1);
  const int receiver = std::stoi(sql(*n1, "select pid from pg_stat_wal_receiver"));
  ASSERT_EQ(::kill(postmaster, SIGSTOP), 0);
  ASSERT_EQ(::kill(receiver, SIGTERM), 0);
  const auto requested = n1->data_dir() + "/promote";
  std::chrono::steady_clock::time_point went_on;
  std::jthread go_on([&](const std::stop_token& stop) {
    while (!exists(requested) && !stop.stop_requested()) std::this_thread::sleep_for(1ms);
    const auto before = children(postmaster);
    went_on = std::chrono::steady_clock::now();
    ::kill(postmaster, SIGCONT);
    std::vector<int> started;
    while (started.empty() && !stop.stop_requested()) {
      std::ranges::set_difference(children(postmaster), before, std::back_inserter(started));
    }
    for (const int pid : started) ::kill(pid, SIGSTOP);
    while (exists(requested) && !stop.stop_requested()) std::this_thread::sleep_for(1ms);
    for (const int pid : started) ::kill(pid, SIGCONT);
  });
  ASSERT_OK(complete(n1->postgres->promote()));
  go_on.join();
  EXPECT_LT(std::chrono::steady_clock::now() - went_on, 20s);
  EXPECT_TRUE(observe(*n1).running_primary());
}

// Only a server that starts reads pg_hba.conf, and its log may be anywhere.
TEST_F(PostgresServer, SaysWhyItDoesNotStart) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  ASSERT_OK(complete(n0->postgres->stop(core::StopMode::fast, false, 30s)));
  const auto refusal = [this] {
    const auto started = complete(n0->postgres->start(nullptr, 30s));
    return started ? "it has started" : started.error().what;
  };
  auto& hba = n0->local.postgresql.pg_hba;
  const auto good = hba;
  hba.emplace_back("host all all 127.0.0.2/32 trusty");
  const auto said = refusal();
  EXPECT_TRUE(said.starts_with("postgres cannot start: " + n0->data_dir() + "/pg_hba.conf line ")) << said;
  EXPECT_TRUE(said.ends_with(R"(: invalid authentication method "trusty")")) << said;
  EXPECT_EQ(observe(*n0).control->state, core::ControlState::shut_down) << "the data were not touched";
  hba = good;
  n0->local.postgresql.listen_hosts = {"192.0.2.1"};  // an address of documentation, which no host has
  EXPECT_EQ(refusal(), "postgres ended while starting; its log says why");
  n0->local.postgresql.listen_hosts = {"127.0.0.1"};
  EXPECT_EQ(refusal(), "it has started");
}

// A daemon may be killed after it has written a file and before it tells the server, so the server does not know the
// contents of its files.
TEST_F(PostgresServer, FinishesTheHalfDoneWorkOfAKilledDaemon) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  const auto nobody = core::Upstream{};
  ASSERT_OK(complete(n1->postgres->start(&nobody, 30s)));
  const auto file = n1->data_dir() + "/postgresql.conf";
  const auto next_daemon = [this] {
    n1->postgres = std::make_unique<LocalPostgres>(io.get_executor(), n1->local,
                                                   [this]() -> const config::Json& { return n1->dynamic; });
  };
  const auto following_nobody = *read_file(file);

  // ---- killed before the reload for a new upstream
  ASSERT_OK(complete(n0->postgres->sync_slots({{"n1"}}, {})));
  ASSERT_OK(complete(n1->postgres->follow(n0->upstream())));
  const auto streams = [](const core::PostgresView& seen) {
    return seen.sql && seen.sql->replication_state == "streaming";
  };
  ASSERT_TRUE(eventually(*n1, streams));
  ASSERT_OK(write_file(file, following_nobody, 0600));
  next_daemon();
  ASSERT_OK(complete(n1->postgres->follow(nobody)));
  EXPECT_TRUE(eventually(
      *n1, [](const core::PostgresView& seen) { return seen.sql && seen.sql->replication_state != "streaming"; }));

  // ---- killed before the reload of other settings
  n1->dynamic = config::Json::parse(R"({"postgresql": {"parameters": {"work_mem": "7MB"}}})");
  ASSERT_OK(complete(n1->postgres->apply_configuration(false)));
  const auto changed = *read_file(file);
  n1->dynamic = config::Json::parse(R"({"postgresql": {"parameters": {"work_mem": "5MB"}}})");
  ASSERT_OK(complete(n1->postgres->apply_configuration(false)));
  ASSERT_TRUE(comes_to_show(*n1, "work_mem", "5MB"));
  ASSERT_OK(write_file(file, changed, 0600));
  n1->dynamic = config::Json::parse(R"({"postgresql": {"parameters": {"work_mem": "7MB"}}})");
  next_daemon();
  ASSERT_OK(complete(n1->postgres->apply_configuration(false)));
  EXPECT_TRUE(comes_to_show(*n1, "work_mem", "7MB"));

  // ---- killed before the signal to promote; the server could notice the file at any time
  ASSERT_OK(touch(n1->data_dir() + "/promote"));
  next_daemon();
  EXPECT_FALSE(exists(n1->data_dir() + "/promote"));
}

TEST_F(PostgresServer, AdoptedReconfiguredFollowsAndStopsWhenFrozen) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  const auto nobody = core::Upstream{};
  ASSERT_OK(complete(n1->postgres->start(&nobody, 30s)));
  EXPECT_EQ(observe(*n1).sql->replication_state, "");

  // ---- follow needs only a reload
  ASSERT_OK(complete(n0->postgres->sync_slots({{"n1"}}, {})));
  const int pid = postmaster_pid(*n1);
  ASSERT_OK(complete(n1->postgres->follow(n0->upstream())));
  EXPECT_TRUE(eventually(
      *n1, [](const core::PostgresView& seen) { return seen.sql && seen.sql->replication_state == "streaming"; }));
  EXPECT_EQ(postmaster_pid(*n1), pid);
  EXPECT_EQ(observe(*n1).following, n0->upstream());

  // ---- a new daemon finds the server, and a change of the configuration keeps its upstream
  n1->postgres = std::make_unique<LocalPostgres>(io.get_executor(), n1->local,
                                                 [this]() -> const config::Json& { return n1->dynamic; });
  ASSERT_TRUE(observe(*n1).running_standby());
  const auto before = read_file(n1->data_dir() + "/postgresql.conf");
  n1->dynamic = config::Json::parse(R"({"postgresql": {"parameters": {"work_mem": "5MB", "max_connections": 101}}})");
  ASSERT_OK(complete(n1->postgres->apply_configuration(false)));
  EXPECT_NE(read_file(n1->data_dir() + "/postgresql.conf"), before);
  EXPECT_TRUE(read_file(n1->data_dir() + "/postgresql.conf")->contains("\nprimary_conninfo = "));
  EXPECT_TRUE(eventually(*n1, [](const core::PostgresView& seen) {
    return seen.sql && seen.sql->pending_restart.contains("max_connections");
  }));
  EXPECT_EQ(observe(*n1).sql->pending_restart.at("max_connections"), R"({"old_value":"100","new_value":"101"})");
  EXPECT_EQ(sql(*n1, "show work_mem"), "5MB");

  // ---- a frozen server is observed within the time limit, and is stopped
  for (const int process : server_processes(n1->data_dir())) ::kill(process, SIGSTOP);
  const auto started = std::chrono::steady_clock::now();
  const auto frozen = complete(n1->postgres->observe(300ms, 10s));
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
  EXPECT_EQ(frozen.process, ProcessState::unresponsive);
  EXPECT_FALSE(frozen.sql);
  // A new daemon, which has had no answer yet, recognizes a standby by its files, but not if a promotion was requested.
  n1->postgres = std::make_unique<LocalPostgres>(io.get_executor(), n1->local,
                                                 [this]() -> const config::Json& { return n1->dynamic; });
  const auto found = complete(n1->postgres->observe(1s, 10s));
  EXPECT_EQ(found.control.value().state, core::ControlState::in_archive_recovery);
  EXPECT_TRUE(found.standby_by_files());
  n1->local.postgresql.pg_ctl_timeout_s = 1;
  ASSERT_FALSE(complete(n1->postgres->promote()));
  n1->postgres = std::make_unique<LocalPostgres>(io.get_executor(), n1->local,
                                                 [this]() -> const config::Json& { return n1->dynamic; });
  EXPECT_FALSE(complete(n1->postgres->observe(300ms, 10s)).standby_by_files());
  std::filesystem::remove(n1->data_dir() + "/promote");  // PostgreSQL removes the file and then promotes
  EXPECT_FALSE(complete(n1->postgres->observe(300ms, 10s)).standby_by_files());
  ASSERT_OK(complete(n1->postgres->stop(core::StopMode::immediate, false, 200ms)));
  EXPECT_TRUE(server_processes(n1->data_dir()).empty());
}

TEST_F(PostgresServer, APgRewindThatOutlivedItsDaemonIsEnded) {
  const auto stand_in = root + "/pg_rewind",
             file = root + "/file";  // the stand-in keeps running with the directory among its arguments
  std::filesystem::copy_file("/usr/bin/tail", stand_in);
  std::filesystem::create_directory(n0->data_dir());
  ASSERT_TRUE(write_file(file, "", 0600));
  auto started =
      net::Process::spawn(io.get_executor(), {.argv = {stand_in, "-f", file, n0->data_dir()}, .capture = true});
  ASSERT_TRUE(started);
  // The process has the name of the test until exec has replaced it.
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (server_processes(n0->data_dir()).empty() && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(server_processes(n0->data_dir()), std::vector<int>{started->pid()});
  EXPECT_TRUE(server_processes(root).empty());
  EXPECT_TRUE(complete(kill_server_processes(n0->data_dir(), 5s)));
}

TEST_F(PostgresServer, CancelledAndFailedCopiesLeaveNothingThatLooksValid) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  n1->local.postgresql.basebackup_options = {"--max-rate=32k"};
  asio::cancellation_signal cancel;
  asio::steady_timer timer(io, 300ms);
  timer.async_wait([&](auto) { cancel.emit(asio::cancellation_type::terminal); });
  bool thrown = false;
  asio::co_spawn(io, n1->postgres->basebackup(n0->upstream(), {}),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, Result<void>) {
                   thrown = error != nullptr;
                   io.stop();
                 }));
  io.restart();
  io.run();
  EXPECT_TRUE(thrown);
  const auto kind = observe(*n1).data_directory;
  EXPECT_TRUE(kind == core::DataDirectory::incomplete || kind == core::DataDirectory::absent);

  n1->local.postgresql.basebackup_options = {"--checkpoint=fast", "--no-sync"};
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  EXPECT_EQ(observe(*n1).data_directory, core::DataDirectory::valid);

  // A second copy keeps the first one aside, and does not touch other people's files.
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  int aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    aside += entry.path().filename().string().starts_with("n1_") ? 1 : 0;
  }
  EXPECT_EQ(aside, 1);
  ASSERT_TRUE(complete(n1->postgres->set_aside(true)));
  EXPECT_EQ(observe(*n1).data_directory, core::DataDirectory::absent);
  EXPECT_TRUE(observe(*n1).copy_follows);
  // A program that reuses the previous replica's files finds them.
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  n1->local.postgresql.create_replica_methods = {"delta"};
  n1->local.postgresql.replica_methods["delta"] = {.name = "delta", .command = "true", .keep_data = true};
  ASSERT_TRUE(complete(n1->postgres->set_aside(true)));
  EXPECT_EQ(observe(*n1).data_directory, core::DataDirectory::incomplete);
  EXPECT_TRUE(observe(*n1).copy_follows);
  EXPECT_TRUE(std::filesystem::exists(n1->data_dir() + "/PG_VERSION"));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  EXPECT_EQ(observe(*n1).data_directory, core::DataDirectory::valid);
  n1->local.postgresql.create_replica_methods.clear();
  ASSERT_TRUE(complete(n1->postgres->set_aside(true)));
  std::filesystem::create_directory(n1->data_dir());
  ASSERT_TRUE(write_file(n1->data_dir() + "/precious", "x", 0600));
  EXPECT_EQ(observe(*n1).data_directory, core::DataDirectory::unusable);
  EXPECT_FALSE(complete(n1->postgres->basebackup(n0->upstream(), {})));
  EXPECT_FALSE(complete(n1->postgres->bootstrap()));
  EXPECT_FALSE(complete(n1->postgres->set_aside(true)));
  EXPECT_EQ(read_file(n1->data_dir() + "/precious"), "x");
}

// Two members left a timeline at the same position, each by its own promotion.
TEST_F(PostgresServer, TwinTimelinesAreToldApartByTheirWal) {
  ASSERT_OK(complete(n0->postgres->bootstrap()));
  ASSERT_OK(complete(n0->postgres->sync_slots({{.name = "n1"}}, {})));
  ASSERT_OK(complete(n1->postgres->basebackup(n0->upstream(), {})));
  const auto upstream = n0->upstream();
  ASSERT_OK(complete(n1->postgres->start(&upstream, 30s)));
  EXPECT_TRUE(eventually(
      *n1, [](const core::PostgresView& seen) { return seen.sql && seen.sql->replication_state == "streaming"; }));
  ASSERT_OK(complete(n0->postgres->stop(core::StopMode::fast, true, 30s)));
  // n1 is promoted first; if it connected again, it would learn of the other's timeline.
  ASSERT_OK(complete(n1->postgres->promote()));
  const auto nobody = core::Upstream{};
  ASSERT_OK(complete(n0->postgres->start(&nobody, 30s)));
  ASSERT_OK(complete(n0->postgres->promote()));
  const auto asked = complete(n0->postgres->ask(n1->upstream(), 3s));
  ASSERT_EQ(asked.timeline, 2u) << asked.error;
  EXPECT_EQ(asked.history, *complete(n0->postgres->timeline_history(2)));
  const auto from = asked.history.front().lsn;
  EXPECT_EQ(complete(n0->postgres->same_beginning(n1->upstream(), 2, from, 3s)), std::optional(false));
  EXPECT_EQ(complete(n0->postgres->same_beginning(n0->upstream(), 2, from, 3s)), std::optional(true));
  EXPECT_EQ(complete(n0->postgres->same_beginning(n1->upstream(), 3, from, 3s)), std::nullopt);
  // The same result comes without asking the other server, because each server tells how its timeline began.
  const auto here = observe(*n0).sql->start(), there = observe(*n1).sql->start();
  ASSERT_TRUE(here && there);
  EXPECT_EQ(here->lsn, from);
  EXPECT_FALSE(here->record.empty());
  EXPECT_EQ(core::same_timeline(*here, *there), std::optional(false));
  EXPECT_EQ(core::same_timeline(*here, *observe(*n0).sql->start()), std::optional(true));
}

TEST_F(PostgresServer, FailuresSayWhy) {
  n0->local.bootstrap.initdb = {"--encoding=NOSUCH"};
  const auto failed = complete(n0->postgres->bootstrap());
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().what.contains("NOSUCH")) << failed.error().what;

  n0->local.bootstrap.initdb = {"--no-sync"};
  n0->local.bootstrap.post_bootstrap = "false";
  const auto script = complete(n0->postgres->bootstrap());
  ASSERT_FALSE(script);
  EXPECT_TRUE(script.error().what.contains("non-zero code 1")) << script.error().what;
  const auto view = observe(*n0);
  EXPECT_EQ(view.process, ProcessState::stopped);
  EXPECT_EQ(view.data_directory, core::DataDirectory::incomplete);

  const auto asked = complete(n0->postgres->ask(n1->upstream(), 1s));
  EXPECT_FALSE(asked.reachable);
  EXPECT_FALSE(asked.error.empty());
}

}  // namespace
}  // namespace tamada::postgres
