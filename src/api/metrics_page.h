// A page of metrics in Prometheus' text format.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "api/status_json.h"

namespace tamada::api {

class MetricsPage {
 public:
  explicit MetricsPage(const Identity& identity)
      : labels_(fmt::format(R"(scope="{}",name="{}")", identity.scope, identity.name)) {}

  // Begins a metric; its values follow.
  void begin(std::string_view kind, std::string_view name, std::string_view help) {
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, kind);
  }
  // labels: further labels, such as `,rule="leader"`; may be empty.
  template <class T>
  void value(std::string_view name, std::string_view labels, const T& value) {
    text_ += fmt::format("{}{{{}{}}} {}\n", name, labels_, labels, value);
  }
  template <class T>
  void add(std::string_view kind, std::string_view name, std::string_view help, const T& only) {
    begin(kind, name, help);
    value(name, "", only);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string labels_;
  std::string text_;
};

}  // namespace tamada::api
