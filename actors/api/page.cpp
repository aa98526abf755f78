// The status page: static files; what it shows it asks for with the token, as any client does.

#include "actors/api/page.hpp"

#include "actors/api/routes.hpp"

#include <algorithm>

namespace shoal::api {
namespace {

/// Nothing but this node's own files and answers, no frame around it, no markup from text.
constexpr const char* page_headers =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

const page_file* find_page_file(std::string_view path) {
  const auto files = page_files();
  const auto it =
      std::find_if(files.begin(), files.end(), [&](const page_file& f) { return f.path == path; });
  return it == files.end() ? nullptr : &*it;
}

} // namespace

bool is_page_path(std::string_view path) { return find_page_file(path) != nullptr; }

void get_page(const context&, request r, responder to) {
  const auto* file = find_page_file(r.where.path.empty() ? "/" : "/" + r.where.path.front());
  if (!file) // the table names a file that web/dist does not have
    return to->send(error_reply(404, "not_found", "there is nothing at this path"));
  reply out;
  out.content_type = file->content_type;
  out.body = file->body;
  out.headers = page_headers;
  to->send(std::move(out));
}

} // namespace shoal::api
