#pragma once
// The status page's own files, compiled in: web/dist, as cmake/embed_page.cmake writes it into
// page_files.cpp below the build folder. They hold nothing of this node, so they need no token.

#include <span>
#include <string_view>

namespace shoal::api {

struct page_file {
  std::string_view path; // after the host: "/" is the page itself
  std::string_view content_type;
  std::string_view body;
};

std::span<const page_file> page_files();

} // namespace shoal::api
