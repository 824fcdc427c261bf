// Small types that the whole program uses: time, WAL positions, names, errors.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tamada::core {

using namespace std::chrono_literals;
using Duration = std::chrono::nanoseconds;

// The clock of leases and timeouts: CLOCK_BOOTTIME, which goes on while the machine is suspended. It has no now() here,
// because core gets the time as an argument and never reads a clock.
struct BootClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;

// Calendar time, for what people read and for schedules; never for leases.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

using Lsn = std::uint64_t;       // byte position in the WAL
using Timeline = std::uint32_t;  // 0 is "unknown"
using Revision = std::int64_t;   // etcd's mod_revision of a key; 0 is "the key does not exist"
using Xid = std::uint32_t;       // a transaction's number, which wraps around

// A lease, by the name that the store gave it: etcd's number, or what another store calls its session. Only the code of
// the store makes a LeaseId from a name and reads the name. All other code compares leases, and asks whether there is
// one.
class LeaseId {
 public:
  LeaseId() = default;  // no lease
  explicit LeaseId(std::string name) : name_(std::move(name)) {}
  explicit operator bool() const { return !name_.empty(); }
  bool operator==(const LeaseId&) const = default;
  const std::string& name() const { return name_; }  // empty: no lease

 private:
  std::string name_;
};

struct Error {
  std::string what;  // one sentence for an operator: what failed, and why
};
template <class T>
using Result = std::expected<T, Error>;
inline std::unexpected<Error> fail(std::string what) { return std::unexpected(Error{std::move(what)}); }

// PostgreSQL's text form, "16/B374D848"; upper case, no leading zeros.
std::string to_string(Lsn lsn) = delete;  // an Lsn is an integer, so the call would print a decimal number: use
                                          // format_lsn
std::string format_lsn(Lsn lsn);
std::optional<Lsn> parse_lsn(std::string_view text);

}  // namespace tamada::core
