// Arbitrary bytes sent to the REST API: the HTTP server's parser, the routes, every JSON body, the query strings, the
// number of an event at which a stream goes on. The first byte chooses a request line; the rest is its body, or the
// request itself.
#include <cstdint>

#include "api/test_fakes.h"
#include "net/log.h"

namespace {

using namespace tamada;
using namespace tamada::api;
using namespace tamada::api::test;

constexpr const char* requests[][2] = {{"PATCH", "/config"},
                                       {"PUT", "/config"},
                                       {"POST", "/restart"},
                                       {"POST", "/reinitialize"},
                                       {"POST", "/switchover"},
                                       {"POST", "/failover"},
                                       {"POST", "/failsafe"},
                                       {"DELETE", "/switchover"},
                                       {"POST", "/tamada/check-config"},
                                       {"POST", "/tamada/restart?member=n1"}};

void ask(Node& node, const char* method, std::string target, std::string body) {
  node.start(method, std::move(target), std::move(body), "Basic dTpw");
  if (!node.answer) node.pass(std::chrono::hours(1));  // requests that wait for something give up
}

// Reads the stream of events after the number that the client claims to have had.
void follow(Node& node, std::string last_event_id) {
  node.headers = {{"Last-Event-ID", std::move(last_event_id)}};
  node.start("GET", "/tamada/events/stream");
  node.publish([](Snapshot& s) { s.seen.settings.pause = true; });
  asio::co_spawn(node.io, node.answer->feed->next(), [](std::exception_ptr, std::shared_ptr<const std::string>) {});
  node.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const bool quiet = [] {
    log::set_level(log::Level::critical);
    return true;
  }();
  (void)quiet;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr std::size_t bodies = std::size(requests);
  const auto choice = data[0] % (bodies + 3);
  Node node(data[0] & 0x80 ? leader() : replica());
  if (choice < bodies) {
    ask(node, requests[choice][0], requests[choice][1], text);
  } else if (choice == bodies) {
    ask(node, "GET", text, "");
    (void)node.api->fast("GET", text);
  } else if (choice == bodies + 1) {
    follow(node, text);
  } else {
    node.peers["http://127.0.0.1:27201/patroni"] = text;  // another member's answer
    ask(node, "POST", "/switchover", R"({"leader":"n0","candidate":"n1"})");
  }
  return 0;
}
