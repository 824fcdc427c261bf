#include "config/yaml_emit.h"

#include <yaml.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "config/yaml_scalar.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

int append(void* out, unsigned char* text, std::size_t size) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(text), size);
  return 1;
}

class Emitter {
 public:
  Emitter(std::string& out, EmitOptions options) {
    ready_ = yaml_emitter_initialize(&emitter_) != 0;
    if (!ready_) return;
    yaml_emitter_set_output(&emitter_, append, &out);
    yaml_emitter_set_width(&emitter_, options.width);
    yaml_emitter_set_unicode(&emitter_, options.unicode);
  }
  ~Emitter() {
    if (ready_) yaml_emitter_delete(&emitter_);
  }
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  void document(const Json& value) {
    yaml_event_t event;
    emit(event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(event, yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1));
    node(value);
    emit(event, yaml_document_end_event_initialize(&event, 1));
    emit(event, yaml_stream_end_event_initialize(&event));
  }

 private:
  // libyaml frees the event in any case, even when it fails. After a failure nothing more is written.
  void emit(yaml_event_t& event, int made) {
    if (made && ready_ && !failed_) {
      failed_ = !yaml_emitter_emit(&emitter_, &event);
    } else if (made) {
      yaml_event_delete(&event);
    }
  }

  void scalar(const std::string& text, bool plain) {
    yaml_event_t event;
    emit(event,
         yaml_scalar_event_initialize(&event, nullptr, nullptr, reinterpret_cast<const yaml_char_t*>(text.data()),
                                      static_cast<int>(text.size()), plain, 1, YAML_ANY_SCALAR_STYLE));
  }

  // YAML 1.1 requires a point before an exponent. Source: SafeRepresenter.represent_float.
  static std::string float_text(double value) {
    if (std::isnan(value)) return ".nan";
    if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
    std::string text = wire::python_float(value);
    if (const auto exponent = text.find('e'); exponent != text.npos && !text.contains('.')) text.insert(exponent, ".0");
    return text;
  }

  void mapping(const Json& value) {
    yaml_event_t event;
    emit(event, yaml_mapping_start_event_initialize(&event, nullptr, nullptr, 1, YAML_BLOCK_MAPPING_STYLE));
    std::vector<std::pair<std::string, const Json*>> items;
    for (const auto& item : value.items()) items.emplace_back(item.key(), &item.value());
    std::ranges::sort(items, {}, &std::pair<std::string, const Json*>::first);
    for (const auto& [key, element] : items) {
      scalar(key, !reads_as_other_than_text(key));
      node(*element);
    }
    emit(event, yaml_mapping_end_event_initialize(&event));
  }

  void node(const Json& value) {
    yaml_event_t event;
    switch (value.type()) {
      case Json::value_t::object:
        return mapping(value);
      case Json::value_t::array:
        emit(event, yaml_sequence_start_event_initialize(&event, nullptr, nullptr, 1, YAML_BLOCK_SEQUENCE_STYLE));
        for (const auto& element : value) node(element);
        return emit(event, yaml_sequence_end_event_initialize(&event));
      case Json::value_t::string: {
        const auto& text = value.get_ref<const std::string&>();
        return scalar(text, !reads_as_other_than_text(text));
      }
      case Json::value_t::number_float:
        return scalar(float_text(value.get<double>()), true);
      default:
        return scalar(wire::dump_compact(value), true);  // null, true, 5
    }
  }

  yaml_emitter_t emitter_{};
  bool ready_ = false;
  bool failed_ = false;
};

}  // namespace

std::string emit_yaml(const Json& value, EmitOptions options) {
  std::string out;
  Emitter(out, options).document(value);
  return out;
}

}  // namespace tamada::config
