#include "agent/kept_files.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "net/disk.h"
#include "net/log.h"
#include "postgres/files.h"
#include "wire/json.h"

namespace tamada::agent {

std::string DataDirectoryFiles::read(const std::string& name) {
  return postgres::read_file(directory_ + "/" + name).value_or("");
}

awaitable<core::Result<void>> DataDirectoryFiles::write(std::string name, std::string text) {
  const auto work = [directory = directory_, name = std::move(name), text = std::move(text)]() -> core::Result<void> {
    if (!postgres::exists(directory + "/PG_VERSION")) return core::fail(directory + " holds no cluster");
    const auto written = postgres::write_if_changed(directory + "/" + name, text, 0644);
    return written ? core::Result<void>() : std::unexpected(written.error());
  };
  co_return co_await net::on_disk_thread(work);
}

void KeptFile::keep(const std::string& text, core::Duration retry_after) {
  if (writing_ || (known_ && text_ == text) || clock_.now() < not_before_) return;
  writing_ = known_ = true;
  text_ = text;
  asio::co_spawn(executor_, write(text, retry_after), asio::detached);
}

awaitable<void> KeptFile::write(std::string text, core::Duration retry_after) {
  const auto written = co_await files_.write(name_, std::move(text));
  writing_ = false;
  if (written) co_return;
  known_ = false;
  not_before_ = clock_.now() + retry_after;
  log::warning("{} could not be written, it is tried again: {}", name_, written.error().what);
}

std::string members_text(const std::string& cluster, const std::map<std::string, core::Member>& members) {
  wire::Json urls = wire::Json::object();
  for (const auto& [name, member] : members) {
    if (!member.api_url.empty()) urls[name] = member.api_url;
  }
  return wire::dump_compact({{"cluster", cluster}, {"members", std::move(urls)}});
}

const std::string& MembersText::of(const std::map<std::string, core::Member>& members) {
  const auto same = [](const auto& known, const auto& now) {
    return known.first == now.first && known.second == now.second.api_url;
  };
  if (std::ranges::equal(urls_, members, same)) return text_;
  urls_.clear();
  for (const auto& [name, member] : members) urls_[name] = member.api_url;
  return text_ = members_text(cluster_, members);
}

std::map<std::string, core::Member> read_members(const std::string& cluster, const std::string& text) {
  std::map<std::string, core::Member> members;
  const auto note = wire::parse_json(text);
  if (!note || !note->is_object() || wire::text_at(*note, "cluster") != cluster) return members;
  const auto* urls = wire::find(*note, "members");
  if (!urls || !urls->is_object()) return members;
  for (const auto& [name, url] : urls->items()) {
    if (!url.is_string()) continue;
    members[name].name = name;
    members[name].api_url = url.get<std::string>();
  }
  return members;
}

}  // namespace tamada::agent
