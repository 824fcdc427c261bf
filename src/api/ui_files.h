// The files of the dashboard, which are made of web/ when the daemon is built and are part of the program.
#pragma once

#include <span>
#include <string_view>

namespace tamada::api {

struct UiFile {
  std::string_view name;   // "app.js"
  std::string_view type;   // its Content-Type
  std::string_view plain;  // what is in it
  std::string_view gzip;   // the same, compressed
};

std::span<const UiFile> ui_files();  // defined by web/embed.cmake

}  // namespace tamada::api
