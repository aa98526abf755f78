#include "actors/api/routes.hpp"

#include <algorithm>
#include <array>

namespace shoal::api {
namespace {

using verb = boost::beast::http::verb;

struct route {
  verb method;
  std::string_view path; // `:` stands for one segment
  route_function call;
  // Known beforehand: a request looks at the few routes that are as long as its path.
  ptrdiff_t segments = path.empty() ? 0 : 1 + std::count(path.begin(), path.end(), '/');
};

constexpr std::array routes{
    route{verb::get, "", get_page},
    route{verb::get, "page.js", get_page},
    route{verb::get, "page.css", get_page},
    route{verb::get, "icon.svg", get_page},
    route{verb::get, "healthz", get_health},
    route{verb::get, "readyz", get_ready},
    route{verb::get, "metrics", get_metrics},
    route{verb::get, "v1/status", get_status},
    route{verb::get, "v1/events", list_events},
    route{verb::post, "v1/log-level", set_log_level},
    route{verb::get, "v1/models", list_models},
    route{verb::get, "v1/libraries", list_libraries},
    route{verb::post, "v1/libraries", create_library},
    route{verb::get, "v1/libraries/:", get_library},
    route{verb::delete_, "v1/libraries/:", leave_library},
    route{verb::post, "v1/libraries/:/rebuild", rebuild_library},
    route{verb::post, "v1/libraries/:/pause", pause_library},
    route{verb::post, "v1/libraries/:/resume", resume_library},
    route{verb::get, "v1/libraries/:/members", list_members},
    route{verb::post, "v1/libraries/:/members", add_member},
    route{verb::delete_, "v1/libraries/:/members/:", remove_member},
    route{verb::get, "v1/libraries/:/peers", list_peers},
    route{verb::get, "v1/libraries/:/digest", get_digest},
    route{verb::get, "v1/libraries/:/wait", wait_for_peers},
    route{verb::get, "v1/libraries/:/trace", trace_write},
    route{verb::get, "v1/libraries/:/log", read_log},
    route{verb::get, "v1/libraries/:/backup", back_up},
    route{verb::get, "v1/libraries/:/changes", read_changes},
    route{verb::get, "v1/libraries/:/conflicts", list_conflicts},
    route{verb::get, "v1/libraries/:/deadletter", list_deadletters},
    route{verb::post, "v1/libraries/:/deadletter/retry", retry_deadletters},
    route{verb::post, "v1/libraries/:/deadletter/release", release_deadletter},
    route{verb::get, "v1/libraries/:/deadletter/:", show_deadletter},
    route{verb::delete_, "v1/libraries/:/deadletter/:", drop_deadletter},
    route{verb::get, "v1/libraries/:/export", export_records},
    route{verb::post, "v1/libraries/:/batch", write_batch},
    route{verb::post, "v1/libraries/:/sync", sync_library},
    route{verb::post, "v1/libraries/:/prune", prune_library},
    route{verb::post, "v1/libraries/:/verify", verify_library},
    route{verb::get, "v1/libraries/:/records/:", read_records},
    route{verb::get, "v1/libraries/:/records/:/:", read_record},
    route{verb::put, "v1/libraries/:/records/:/:", put_record},
    route{verb::delete_, "v1/libraries/:/records/:/:", delete_record},
};

/// Calls `on(segment of the pattern, segment of the path)` for each pair until it returns false;
/// there are as many of both.
template <class On>
bool walk(std::string_view pattern, const std::vector<std::string>& path, On on) {
  for (const auto& given : path) {
    const auto slash = pattern.find('/');
    if (!on(pattern.substr(0, slash), given))
      return false;
    pattern.remove_prefix(slash == std::string_view::npos ? pattern.size() : slash + 1);
  }
  return true;
}

bool matches(const route& r, const std::vector<std::string>& path) {
  return r.segments == std::ssize(path)
         && walk(r.path, path, [](std::string_view segment, const std::string& given) {
              return segment == ":" || segment == given;
            });
}

/// What stood for each `:`. Not gathered while routes are tried: most share their beginning.
std::vector<std::string> args_of(const route& r, const std::vector<std::string>& path) {
  std::vector<std::string> out;
  walk(r.path, path, [&](std::string_view segment, const std::string& given) {
    if (segment == ":")
      out.push_back(given);
    return true;
  });
  return out;
}

} // namespace

bool is_open_path(std::string_view path) {
  path = path.substr(0, path.find('?'));
  return path == "/healthz" || is_page_path(path);
}

void serve(const context& c, request r, responder to) {
  auto method = r.method == verb::head ? verb::get : r.method;
  std::string allow;
  for (const auto& candidate : routes) {
    if (!matches(candidate, r.where.path))
      continue;
    if (candidate.method == method) {
      r.args = args_of(candidate, r.where.path);
      return candidate.call(c, std::move(r), std::move(to));
    }
    auto name = boost::beast::http::to_string(candidate.method);
    allow += allow.empty() ? "" : ", ";
    allow.append(name.data(), name.size());
    if (candidate.method == verb::get)
      allow += ", HEAD";
  }
  if (allow.empty())
    return to->send(error_reply(404, "not_found", "there is nothing at this path"));
  auto refused = error_reply(405, "bad_request", "this path takes " + allow);
  refused.headers = "Allow: " + allow + "\r\n";
  to->send(std::move(refused));
}

result<std::shared_ptr<library>> find_library(node& n, std::string_view name) {
  auto all = n.libraries();
  if (auto id = parse_id<library_id>(name))
    for (auto& candidate : all)
      if (candidate->id() == *id)
        return std::move(candidate);
  for (auto& candidate : all)
    if (candidate->name() == name)
      return std::move(candidate);
  return error{ec::unknown_library, "this node carries no library \"" + std::string(name)
                                        + "\"; GET /v1/libraries lists them"};
}

} // namespace shoal::api
