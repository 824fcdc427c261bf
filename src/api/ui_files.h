// The files of the dashboard, which the build makes from web/ and embeds into the daemon.
#pragma once

#include <span>
#include <string_view>

namespace tamada::api {

struct UiFile {
  std::string_view name;   // "app.js"
  std::string_view type;   // its Content-Type
  std::string_view plain;  // its content
  std::string_view gzip;   // its content, compressed
};

std::span<const UiFile> ui_files();  // defined by web/embed.cmake

}  // namespace tamada::api
