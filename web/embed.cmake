# cmake -DFOLDER=... -DOUT=... -P embed.cmake FILE...: writes OUT, which defines ui_files() of src/api/ui_files.h. It contains these files
# of FOLDER, both unchanged and compressed.
cmake_policy(SET CMP0054 NEW)  # so that a quoted word is not taken for a variable

function(as_literal path out)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()

set(arrays "")
set(rows "")
set(count 0)
math(EXPR last "${CMAKE_ARGC} - 1")
set(after_script FALSE)
foreach(i RANGE 1 ${last})
  set(word "${CMAKE_ARGV${i}}")
  if(NOT after_script)
    if(word MATCHES "embed\\.cmake$")
      set(after_script TRUE)
    endif()
    continue()
  endif()
  set(file ${FOLDER}/${word})
  execute_process(COMMAND gzip -9 -n -c ${file} OUTPUT_FILE ${file}.gz COMMAND_ERROR_IS_FATAL ANY)
  as_literal(${file} plain)
  as_literal(${file}.gz packed)
  get_filename_component(extension ${word} LAST_EXT)
  set(type_.html "text/html; charset=utf-8")
  set(type_.js "text/javascript; charset=utf-8")
  set(type_.css "text/css; charset=utf-8")
  set(type_.svg "image/svg+xml")
  set(type_.txt "text/plain; charset=utf-8")
  if(NOT DEFINED type_${extension})
    message(FATAL_ERROR "${word}: no Content-Type is known for ${extension}")
  endif()
  math(EXPR count "${count} + 1")
  string(APPEND arrays "constexpr unsigned char plain_${count}[] = {\n${plain}};\n"
                       "constexpr unsigned char gzip_${count}[] = {\n${packed}};\n")
  string(APPEND rows "    {\"${word}\", \"${type_${extension}}\", text(plain_${count}), text(gzip_${count})},\n")
endforeach()
file(WRITE ${OUT} "// Made by web/embed.cmake.
#include \"api/ui_files.h\"

namespace tamada::api {
namespace {

${arrays}
template <class Bytes>
std::string_view text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes), sizeof(bytes)};
}

}  // namespace

std::span<const UiFile> ui_files() {
  static const UiFile files[] = {
${rows}  };
  return files;
}

}  // namespace tamada::api
")
