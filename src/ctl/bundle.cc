#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "config/yaml.h"
#include "core/presentation.h"
#include "ctl/commands.h"
#include "ctl/mask.h"
#include "ctl/member_rows.h"
#include "ctl/terminal.h"
#include "ctl/yaml_dump.h"
#include "net/files.h"
#include "wire/json.h"

extern char** environ;

namespace tamada::ctl {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Files = std::map<std::string, std::string>;  // path within the archive -> content

constexpr std::size_t log_tail = 2'000'000;

std::string indented(const Json& json) {
  return masked(json).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Secrets in JSON are found by the names of the keys, those in other texts by patterns.
std::string without_secrets(const std::string& text) {
  const auto json = wire::parse_json(text);
  return json && json->is_structured() ? indented(*json) : masked_text(text);
}

std::string about(const Session& session, const Sighting& sighting) {
  utsname host{};
  uname(&host);
  auto text = fmt::format("cluster {} of {}\nmade {} on {} ({} {})\nPatroni's interface {}\n", sighting.name,
                          session.local().namespace_, timestamp(0), host.nodename, host.sysname, host.release,
                          core::compatible_version);
  for (const auto& note : sighting.notes) text += note + "\n";
  return text;
}

void add_members(Session& session, const core::ClusterView& view, Files& files) {
  const std::pair<const char*, const char*> questions[] = {
      {"patroni", "patroni.json"},        {"cluster", "cluster.json"},      {"config", "config.json"},
      {"tamada/explain", "explain.json"}, {"tamada/events", "events.json"}, {"tamada/handover", "handover.json"},
      {"metrics", "metrics.txt"}};
  const auto members = members_leader_first(view);
  std::vector<core::Member> asked;
  std::vector<std::string> paths;
  for (const auto& [path, file] : questions) {
    for (const auto& member : members) {
      asked.push_back(member);
      paths.emplace_back(path);
    }
  }
  const auto answers = session.request_all(asked, paths, 5s);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto file = "members/" + asked[i].name + "/" + questions[i / members.size()].second;
    const auto& answer = answers[i].response;
    files[file] = answer ? without_secrets(answer->body) : "no answer: " + answer.error().what + "\n";
  }
}

void add_etcd(Session& session, const std::string& cluster, Files& files) {
  const auto& endpoints = session.local().etcd.endpoints;
  const auto answers = session.ask_etcd(endpoints, "/v3/maintenance/status", 2s);
  std::string text;
  bool answered = false;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto& answer = answers[i].response;
    answered |= answer.has_value();
    text += fmt::format("{}: {}\n", endpoints[i], answer ? answer->body : answer.error().what);
  }
  files["etcd.txt"] = masked_text(text);
  const auto keys = answered ? session.keys_with_values(cluster)
                             : core::Result<std::map<std::string, std::string>>(core::fail("etcd does not answer"));
  if (!keys) {
    files["keys.json"] = keys.error().what + "\n";
    return;
  }
  Json all = Json::object();
  for (const auto& [key, value] : *keys) {
    const auto json = wire::parse_json(value);
    all[key] = json && json->is_structured() ? *json : Json(value);
  }
  files["keys.json"] = indented(all);
}

std::string tail_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto end = in.tellg();
  if (end < 0) return "";
  const auto size = static_cast<std::size_t>(end);
  std::string text(std::min(size, log_tail), '\0');
  in.seekg(static_cast<std::streamoff>(size - text.size()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// Adds the log of the daemon on this host: its files, or the journal of its unit.
void add_log(const Session& session, Files& files) {
  if (const auto& folder = session.local().log.dir; !folder.empty()) {
    std::error_code ignored;
    for (const auto& name : net::names_in(folder)) {
      const auto file = fs::path(folder) / name;
      if (name.contains(".log") && fs::is_regular_file(file, ignored))
        files["log/" + name] = masked_text(tail_of(file));
    }
    return;
  }
  std::FILE* journal = popen("journalctl --no-pager -n 5000 -u tamada -u patroni 2>/dev/null", "r");
  if (journal == nullptr) return;
  std::string text;
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, journal)) > 0;) text.append(buffer, n);
  if (pclose(journal) == 0 && !text.empty()) files["log/journal.txt"] = masked_text(text);
}

// Masks the configuration's secrets in all files.
void erase_secrets(const Json& configuration, Files& files) {
  for (const auto& secret : secrets_of(configuration)) {
    if (secret.size() < 4) continue;  // such a short text occurs in ordinary words, too
    for (auto& [name, text] : files) {
      for (std::size_t at = 0; (at = text.find(secret, at)) != text.npos; at += 3)
        text.replace(at, secret.size(), "***");
    }
  }
}

core::Result<void> write_all(const fs::path& folder, const Files& files) {
  for (const auto& [name, text] : files) {
    std::error_code ignored;
    fs::create_directories((folder / name).parent_path(), ignored);
    std::ofstream out(folder / name, std::ios::binary);
    if (!(out << text)) return core::fail("cannot write " + (folder / name).string());
  }
  return {};
}

core::Result<void> pack(const fs::path& within, const std::string& name, const std::string& archive) {
  std::string words[] = {"tar", "-czf", archive, "-C", within.string(), name};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  int status = posix_spawnp(&pid, "tar", nullptr, nullptr, argv.data(), environ);
  if (status == 0) waitpid(pid, &status, 0);
  if (status != 0) return core::fail("tar could not write " + archive);
  return {};
}

Files collect(Session& session, const Sighting& sighting) {
  Files files;
  files["about.txt"] = about(session, sighting);
  files["list.txt"] = format_members(sighting.view, sighting.name, true, Format::tsv);
  const auto& document = session.local().document;
  if (document) files["configuration.yml"] = yaml_block(masked(document->value)) + "\n";
  add_etcd(session, sighting.name, files);
  add_members(session, sighting.view, files);
  add_log(session, files);
  if (document) erase_secrets(document->value, files);
  return files;
}

}  // namespace

Done bundle(Session& session, const BundleOptions& options) {
  const auto sighting = session.look(options.cluster);
  if (!sighting) return std::unexpected(sighting.error());
  warn_of(*sighting);
  auto when = timestamp(0);
  std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
  std::ranges::replace(when, ' ', '-');
  auto name = sighting->name + "-" + when;
  std::ranges::replace(name, '/', '_');
  const auto archive = options.file.empty() ? name + ".tar.gz" : options.file;
  umask(077);  // the archive is private, and its owner decides who gets it
  auto scratch = (fs::temp_directory_path() / "tamadactl-XXXXXX").string();
  if (mkdtemp(scratch.data()) == nullptr) return core::fail("cannot make a folder " + scratch);
  const auto files = collect(session, *sighting);
  auto done = write_all(fs::path(scratch) / name, files);
  if (done) done = pack(scratch, name, archive);
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  if (!done) return done;
  echo(fmt::format("{}: {} files of cluster {}, without passwords; look through it before you send it\n", archive,
                   files.size(), sighting->name));
  return {};
}

}  // namespace tamada::ctl
