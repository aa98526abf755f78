// Routes about the node as a whole.

#include "actors/api/body.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/status_json.hpp"

namespace shoal::api {

void get_health(const context&, request, responder to) {
  reply r;
  r.body = R"({"ok":true})";
  to->send(std::move(r));
}

void get_ready(const context& c, request r, responder to) {
  if (auto known = r.where.expect({"library"}); !known)
    return to->send(error_reply(known.err()));
  std::vector<std::shared_ptr<library>> asked;
  if (auto name = r.where.get("library")) {
    auto found = find_library(*c.self, *name);
    if (!found)
      return to->send(error_reply(found.err()));
    asked.push_back(std::move(*found));
  } else {
    asked = c.self->libraries();
  }
  std::string why;
  for (const auto& l : asked)
    if (auto reason = not_ready(l->status()))
      why += (why.empty() ? "" : "; ") + *reason;
  if (!why.empty())
    return to->send(error_reply(503, "unavailable", why));
  reply ready;
  ready.body = R"({"ready":true})";
  to->send(std::move(ready));
}

void get_metrics(const context& c, request, responder to) {
  reply r;
  r.content_type = "text/plain; version=0.0.4; charset=utf-8";
  r.body = c.self->metrics();
  to->send(std::move(r));
}

void get_status(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  to->send(json_reply(node_json(*c.self)));
}

void list_events(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  auto items = nlohmann::ordered_json::array();
  for (auto& e : c.self->events()) {
    nlohmann::ordered_json item;
    item["time_ms"] = e.time_ms;
    item["level"] = e.level;
    item["component"] = e.component;
    item["message"] = std::move(e.message);
    items.push_back(std::move(item));
  }
  to->send(json_reply(whole_list(std::move(items))));
}

/// Body: `{"level": SPEC}`, a SPEC as in shoal.toml's log.level.
void set_log_level(const context& c, request r, responder to) {
  auto body = parse_object(r.body, {"level"});
  if (!body)
    return to->send(error_reply(body.err()));
  auto level = required_text(body->root(), "level");
  if (!level)
    return to->send(error_reply(level.err()));
  const std::string spec(*level);
  c.self->set_log_level(spec, answers<nothing>(c, std::move(to), [level = spec](const nothing&) {
                          nlohmann::ordered_json out;
                          out["level"] = level;
                          return json_reply(out);
                        }));
}

void list_libraries(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  auto items = nlohmann::ordered_json::array();
  for (const auto& l : c.self->libraries())
    items.push_back(library_json(l->status()));
  to->send(json_reply(whole_list(std::move(items))));
}

} // namespace shoal::api
