#include "config/log_format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "wire/python_json.h"

namespace tamada::config {
namespace {

using namespace std::chrono;

enum class FieldKind { text, integer, real };
struct Field {
  std::string_view name;
  FieldKind kind;
};
// The attributes of Python's LogRecord that are supported here.
constexpr auto known_fields = std::to_array<Field>({
    {"asctime", FieldKind::text},
    {"created", FieldKind::real},
    {"filename", FieldKind::text},
    {"funcName", FieldKind::text},
    {"levelname", FieldKind::text},
    {"levelno", FieldKind::integer},
    {"lineno", FieldKind::integer},
    {"message", FieldKind::text},
    {"module", FieldKind::text},
    {"msecs", FieldKind::real},
    {"name", FieldKind::text},
    {"pathname", FieldKind::text},
    {"process", FieldKind::integer},
    {"processName", FieldKind::text},
    {"relativeCreated", FieldKind::real},
    {"taskName", FieldKind::text},
    {"thread", FieldKind::integer},
    {"threadName", FieldKind::text},
});

const auto started_at = system_clock::now();

const Field* field_of(std::string_view name) {
  const auto found = std::ranges::find(known_fields, name, &Field::name);
  return found == known_fields.end() ? nullptr : &*found;
}

std::string_view file_of(const std::source_location& where) {
  const std::string_view path = where.file_name();
  return path.substr(path.rfind('/') + 1);
}

std::string_view stem_of(const std::source_location& where) {
  const auto file = file_of(where);
  return file.substr(0, file.find('.'));
}

int number_of(std::string_view level) {
  constexpr auto levels = std::to_array<std::pair<std::string_view, int>>(
      {{"DEBUG", 10}, {"INFO", 20}, {"WARNING", 30}, {"ERROR", 40}, {"CRITICAL", 50}});
  for (const auto& [name, number] : levels) {
    if (name == level) return number;
  }
  return 0;
}

std::string time_text(system_clock::time_point at, const std::string& format) {
  const auto second = system_clock::to_time_t(at);
  tm local{};
  ::localtime_r(&second, &local);
  char text[256];
  const auto length = std::strftime(text, sizeof text, format.empty() ? "%Y-%m-%d %H:%M:%S" : format.c_str(), &local);
  std::string result(text, length);
  if (format.empty())
    result += fmt::format(",{:03}", duration_cast<milliseconds>(at.time_since_epoch()).count() % 1000);
  return result;
}

template <class Value>
std::string printed(const std::string& spec, const char* conversion, Value value) {
  const std::string format = "%" + spec + conversion;
  char text[512];
  const int length = std::snprintf(text, sizeof text, format.c_str(), value);
  return length < 0 ? std::string() : std::string(text, std::min<std::size_t>(length, sizeof text - 1));
}

// Most texts are not padded, and may be longer than any buffer.
std::string padded(const std::string& spec, std::string text) {
  if (spec.empty()) return text;
  const bool left = spec.starts_with('-');
  const auto digits = spec.find_first_of("123456789");
  const std::size_t width = digits == spec.npos || spec.contains('.') ? 0 : std::stoul(spec.substr(digits));
  if (const auto dot = spec.find('.'); dot != spec.npos) {
    const auto most = spec.substr(dot + 1);
    text.resize(std::min<std::size_t>(text.size(), most.empty() ? 0 : std::stoul(most)));
    if (dot > 0) return padded(spec.substr(0, dot), std::move(text));
  }
  if (text.size() >= width) return text;
  const std::string blanks(width - text.size(), ' ');
  return left ? text + blanks : blanks + text;
}

}  // namespace

std::string logger_name(const std::source_location& where) {
  std::string_view path = where.file_name();
  const auto source = path.rfind("src/");
  if (source != path.npos) path.remove_prefix(source + 4);
  std::string name = "patroni." + std::string(path.substr(0, path.rfind('.')));
  std::ranges::replace(name, '/', '.');
  return name;
}

core::Result<std::vector<LogFormat::Piece>> LogFormat::parse(std::string_view format) {
  constexpr std::size_t width_max = 3;  // digits
  std::vector<Piece> pieces;
  std::string literal;
  for (std::size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      literal += format[at++];
      continue;
    }
    if (format.substr(at).starts_with("%%")) {
      literal += '%';
      at += 2;
      continue;
    }
    const auto close = format.substr(at).starts_with("%(") ? format.find(')', at) : format.npos;
    if (close == format.npos) return core::fail("a % is neither part of %(field)s nor doubled");
    Piece piece{.literal = std::exchange(literal, ""), .field = std::string(format.substr(at + 2, close - at - 2))};
    const auto end = format.find_first_not_of("-+ #0123456789.", close + 1);
    if (end == format.npos) return core::fail(fmt::format("%({}) lacks its conversion, such as s", piece.field));
    piece.spec = format.substr(close + 1, end - close - 1);
    piece.conversion = format[end];
    const Field* field = field_of(piece.field);
    if (!field) {
      std::vector<std::string_view> names;
      for (const auto& known : known_fields) names.push_back(known.name);
      return core::fail(fmt::format("%({}) is no field; allowed: {}", piece.field, fmt::join(names, ", ")));
    }
    const auto fitting = field->kind == FieldKind::text ? std::string_view("s") : std::string_view("sdifg");
    const auto digits = std::ranges::count_if(piece.spec, [](unsigned char c) { return std::isdigit(c); });
    if (!fitting.contains(piece.conversion) || digits > static_cast<std::ptrdiff_t>(width_max) ||
        std::ranges::count(piece.spec, '.') > 1) {
      return core::fail(fmt::format("%({}){}{} does not fit; allowed: one of {} and a short width", piece.field,
                                    piece.spec, piece.conversion, fitting));
    }
    pieces.push_back(std::move(piece));
    at = end + 1;
  }
  pieces.push_back({.literal = literal, .field = {}, .spec = {}});
  return pieces;
}

core::Result<LogFormat> LogFormat::create(const Log& log) {
  LogFormat result;
  result.dateformat_ = log.dateformat;
  result.json_ = log.type == "json";
  result.static_fields_ = log.static_fields;
  result.fields_ = log.fields;
  if (!result.fields_.empty()) {
    if (!result.json_) return core::fail("is a list; allowed: a list only for type json, text for type plain");
    return result;
  }
  auto pieces = parse(log.format);
  if (!pieces) return std::unexpected(pieces.error());
  if (result.json_) {
    for (const auto& piece : *pieces) {
      if (!piece.field.empty()) result.fields_.emplace_back(piece.field, piece.field);
    }
  }
  result.pieces_ = std::move(*pieces);
  return result;
}

Json LogFormat::value(std::string_view field, const LogRecord& record) const {
  using Milliseconds = duration<double, std::milli>;
  const auto since_epoch = record.at.time_since_epoch();
  if (field == "asctime") return time_text(record.at, dateformat_);
  if (field == "message") return record.text;
  if (field == "levelname") return record.level;
  if (field == "levelno") return number_of(record.level);
  if (field == "name") return logger_name(record.where);
  if (field == "module") return stem_of(record.where);
  if (field == "filename") return file_of(record.where);
  if (field == "pathname") return record.where.file_name();
  if (field == "funcName") return record.where.function_name();
  if (field == "lineno") return record.where.line();
  if (field == "created") return duration<double>(since_epoch).count();
  if (field == "msecs") return Json(static_cast<double>(duration_cast<milliseconds>(since_epoch).count() % 1000));
  if (field == "relativeCreated") return Milliseconds(record.at - started_at).count();
  if (field == "process") return ::getpid();
  if (field == "processName") return "MainProcess";
  if (field == "thread") return ::syscall(SYS_gettid);
  if (field == "threadName") return "MainThread";
  return nullptr;
}

std::string LogFormat::json_line(const LogRecord& record) const {
  Json object = Json::object();
  for (const auto& [field, name] : fields_) {
    if (field == name) object[field] = value(field, record);
  }
  for (const auto& item : static_fields_.items()) object[item.key()] = item.value();
  for (const auto& [field, name] : fields_) {
    if (field != name) object[name] = value(field, record);
  }
  return wire::dump_python(object);
}

std::string LogFormat::line(const LogRecord& record) const {
  if (json_) return json_line(record);
  std::string result;
  for (const auto& piece : pieces_) {
    result += piece.literal;
    if (piece.field.empty()) continue;
    const auto given = value(piece.field, record);
    switch (piece.conversion) {
      case 'd':
      case 'i':
        result += printed(piece.spec, "lld", static_cast<long long>(given.is_number() ? given.get<double>() : 0));
        break;
      case 'f':
        result += printed(piece.spec, "f", given.is_number() ? given.get<double>() : 0);
        break;
      case 'g':
        result += printed(piece.spec, "g", given.is_number() ? given.get<double>() : 0);
        break;
      default:
        result += padded(piece.spec, given.is_string() ? given.get<std::string>()
                                     : given.is_null() ? "None"
                                                       : wire::dump_python(given));
    }
  }
  return result;
}

}  // namespace tamada::config
