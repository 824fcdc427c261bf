#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <optional>
#include <vector>

#include "config/yaml_scalar.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;
using core::Result;

constexpr std::size_t text_size_max = 4 << 20;
constexpr std::size_t nodes_max = 50'000;  // YAML's aliases multiply values, so ten lines can expand to a billion of
                                           // them
constexpr int depth_max = 64;

struct Node {
  Json value;
  std::size_t size = 1;  // the number of nodes in it
};

std::string_view text_of(const yaml_char_t* text) { return text ? reinterpret_cast<const char*>(text) : ""; }

// One event of libyaml, which the destructor frees.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t* raw() { return &event_; }
  yaml_event_type_t type() const { return event_.type; }
  std::size_t line() const { return event_.start_mark.line + 1; }
  const auto& data() const { return event_.data; }

 private:
  yaml_event_t event_{};
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : name_(name) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (ready_) {
      yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
  }
  ~Parser() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Result<Document> document() {
    Document result;
    for (bool seen = false;;) {
      Event event;
      if (auto ok = next(event); !ok) return std::unexpected(ok.error());
      switch (event.type()) {
        case YAML_STREAM_END_EVENT:
          result.origins = std::move(origins_);
          return result;
        case YAML_DOCUMENT_START_EVENT:
          if (seen) return wrong(event.line(), "a second document begins here; only one is allowed");
          seen = true;
          break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
          break;
        default: {
          auto root = node(event, "", 0);
          if (!root) return std::unexpected(root.error());
          result.value = std::move(root->value);
        }
      }
    }
  }

 private:
  std::unexpected<core::Error> wrong(std::size_t line, std::string_view what) const {
    return core::fail(fmt::format("{}:{}: {}", name_, line, what));
  }

  Result<void> next(Event& event) {
    if (!ready_) return core::fail(name_ + ": out of memory");
    if (yaml_parser_parse(&parser_, event.raw())) return {};
    const auto line = parser_.problem_mark.line ? parser_.problem_mark.line + 1 : parser_.mark.line + 1;
    const std::string_view problem = parser_.problem ? parser_.problem : "cannot be read";
    if (!parser_.context) return wrong(line, fmt::format("not YAML: {}", problem));
    return wrong(line,
                 fmt::format("not YAML: {} ({} of line {})", problem, parser_.context, parser_.context_mark.line + 1));
  }

  Result<Node> node(const Event& event, const std::string& path, int depth) {
    if (depth > depth_max) return wrong(event.line(), fmt::format("nested deeper than {} levels", depth_max));
    if (++nodes_ > nodes_max) return wrong(event.line(), fmt::format("more than {} values", nodes_max));
    origins_[path] = fmt::format("{}:{}", name_, event.line());
    switch (event.type()) {
      case YAML_ALIAS_EVENT:
        return alias(event);
      case YAML_SCALAR_EVENT: {
        auto value = scalar(event);
        if (!value) return std::unexpected(value.error());
        return anchored(text_of(event.data().scalar.anchor), Node{std::move(*value)});
      }
      case YAML_SEQUENCE_START_EVENT:
        return sequence(event, path, depth);
      case YAML_MAPPING_START_EVENT:
        return mapping(event, path, depth);
      default:
        return wrong(event.line(), "unexpected end");
    }
  }

  Node anchored(std::string_view anchor, Node value) {
    if (!anchor.empty()) anchors_[std::string(anchor)] = value;
    return value;
  }

  Result<Node> alias(const Event& event) {
    const auto anchor = anchors_.find(std::string(text_of(event.data().alias.anchor)));
    if (anchor == anchors_.end()) {
      return wrong(event.line(), fmt::format("no anchor &{} before this alias", text_of(event.data().alias.anchor)));
    }
    nodes_ += anchor->second.size;
    if (nodes_ > nodes_max) return wrong(event.line(), fmt::format("aliases stand for more than {} values", nodes_max));
    return anchor->second;
  }

  Result<Json> scalar(const Event& event) const {
    const auto& data = event.data().scalar;
    const std::string_view text(reinterpret_cast<const char*>(data.value), data.length);
    const auto tag = text_of(data.tag);
    if (tag.empty() || tag == "!") {
      return data.plain_implicit && data.style == YAML_PLAIN_SCALAR_STYLE && tag.empty() ? resolve_plain(text)
                                                                                         : Json(text);
    }
    if (tag == YAML_STR_TAG) return Json(text);
    const Json value = resolve_plain(text);
    if (tag == YAML_INT_TAG && value.is_number_integer()) return value;
    if (tag == YAML_FLOAT_TAG && value.is_number()) return Json(value.get<double>());
    if (tag == YAML_BOOL_TAG && value.is_boolean()) return value;
    if (tag == YAML_NULL_TAG) return Json(nullptr);
    return wrong(event.line(), fmt::format("'{}' does not fit the tag {}", text, tag));
  }

  Result<Node> sequence(const Event& start, const std::string& path, int depth) {
    Node result{Json::array()};
    const std::string anchor(text_of(start.data().sequence_start.anchor));
    for (std::size_t index = 0;; ++index) {
      Event event;
      if (auto ok = next(event); !ok) return std::unexpected(ok.error());
      if (event.type() == YAML_SEQUENCE_END_EVENT) return anchored(anchor, std::move(result));
      auto item = node(event, join_path(path, index), depth + 1);
      if (!item) return item;
      result.size += item->size;
      result.value.push_back(std::move(item->value));
    }
  }

  // A mapping's key in the spelling of JSON. Python's json.dumps spells numbers and booleans as keys in the same way.
  struct Key {
    std::string text;
    bool is_merge = false;
  };
  Result<Key> key(const Event& event) {
    Json value;
    if (event.type() == YAML_ALIAS_EVENT) {
      auto target = alias(event);
      if (!target) return std::unexpected(target.error());
      value = std::move(target->value);
    } else if (event.type() == YAML_SCALAR_EVENT) {
      const auto& data = event.data().scalar;
      if (data.style == YAML_PLAIN_SCALAR_STYLE && text_of(data.value) == "<<") return Key{"<<", true};
      auto read = scalar(event);
      if (!read) return std::unexpected(read.error());
      value = std::move(*read);
      anchored(text_of(data.anchor), Node{value});
    }
    if (event.type() == YAML_MAPPING_START_EVENT || event.type() == YAML_SEQUENCE_START_EVENT ||
        value.is_structured()) {
      return wrong(event.line(), "a list or a mapping cannot be a key");
    }
    return Key{value.is_string() ? value.get<std::string>() : wire::dump_compact(value)};
  }

  // Adds what `<<` merges into a mapping. If it lists several mappings, the first that has a key wins.
  Result<void> merge_into(Json& merged, const Json& value, std::size_t line) {
    if (value.is_object()) {
      for (const auto& item : value.items()) merged[item.key()] = item.value();
      return {};
    }
    if (!value.is_array()) return wrong(line, "<<: needs a mapping or a list of mappings");
    for (auto item = value.rbegin(); item != value.rend(); ++item) {
      if (!item->is_object()) return wrong(line, "<<: needs a mapping or a list of mappings");
      for (const auto& entry : item->items()) merged[entry.key()] = entry.value();
    }
    return {};
  }

  Result<Node> mapping(const Event& start, const std::string& path, int depth) {
    Json own = Json::object(), merged = Json::object();
    std::size_t size = 1;
    const std::string anchor(text_of(start.data().mapping_start.anchor));
    while (true) {
      Event key_event, value_event;
      if (auto ok = next(key_event); !ok) return std::unexpected(ok.error());
      if (key_event.type() == YAML_MAPPING_END_EVENT) break;
      const auto name = key(key_event);
      if (!name) return std::unexpected(name.error());
      if (auto ok = next(value_event); !ok) return std::unexpected(ok.error());
      auto value = node(value_event, join_path(path, name->text), depth + 1);
      if (!value) return value;
      // The event of an empty value may be on a later line than its key.
      origins_[join_path(path, name->text)] = fmt::format("{}:{}", name_, key_event.line());
      size += value->size;
      if (!name->is_merge) {
        own[name->text] = std::move(value->value);
      } else if (auto ok = merge_into(merged, value->value, key_event.line()); !ok) {
        return std::unexpected(ok.error());
      }
    }
    if (merged.empty()) return anchored(anchor, Node{std::move(own), size});
    for (auto& item : own.items()) merged[item.key()] = std::move(item.value());
    return anchored(anchor, Node{std::move(merged), size});
  }

  const std::string& name_;
  yaml_parser_t parser_{};
  bool ready_ = false;
  std::size_t nodes_ = 0;
  std::map<std::string, Node> anchors_;
  std::map<std::string, std::string> origins_;
};

}  // namespace

Result<Document> parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > text_size_max) return core::fail(fmt::format("{}: larger than {} bytes", name, text_size_max));
  return Parser(text, name).document();
}

std::string join_path(std::string_view parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::string join_path(std::string_view parent, std::size_t index) { return fmt::format("{}[{}]", parent, index); }

}  // namespace tamada::config
