# cmake -D FROM=web/dist -D TO=page_files.cpp -P embed_page.cmake: the status page's files as C++ arrays.
set(files "index.html|/|text/html" "page.js|/page.js|text/javascript" "page.css|/page.css|text/css"
  "icon.svg|/icon.svg|image/svg+xml")
set(arrays "")
set(table "")
foreach(entry ${files})
  string(REPLACE "|" ";" parts "${entry}")
  list(GET parts 0 name)
  list(GET parts 1 path)
  list(GET parts 2 type)
  if(type MATCHES "^text/")
    set(type "${type}; charset=utf-8")
  endif()
  file(READ ${FROM}/${name} hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(MAKE_C_IDENTIFIER ${name} id)
  string(APPEND arrays "constexpr char ${id}[] = {${bytes}};\n")
  string(APPEND table "    page_file{\"${path}\", \"${type}\", {${id}, sizeof ${id}}},\n")
endforeach()
file(WRITE ${TO}.new "// Made by cmake/embed_page.cmake of web/dist.
#include \"actors/api/page.hpp\"

#include <array>

namespace shoal::api {
namespace {
${arrays}
constexpr std::array files{
${table}};
} // namespace

std::span<const page_file> page_files() { return files; }

} // namespace shoal::api
")
file(RENAME ${TO}.new ${TO})
