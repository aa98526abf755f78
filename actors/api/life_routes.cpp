// Routes that begin and end a library on this node: create, join, leave, rebuild, pause, resume.

#include "actors/api/body.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/status_json.hpp"
#include "config/address.hpp"

namespace shoal::api {
namespace {

using json = nlohmann::ordered_json;

/// `DEVICE@HOST:PORT`.
status read_via(std::string_view text, join_request& into) {
  const auto at = text.find('@');
  const auto device = parse_id<device_id>(text.substr(0, at));
  if (at == text.npos || !device || device->is_nil())
    return error{ec::invalid_field,
                 "via is \"" + std::string(text) + "\"; it must be DEVICE@HOST:PORT of a member"};
  const auto address = config::parse_address(text.substr(at + 1), config::port_zero::refused);
  if (!address)
    return error{ec::invalid_field, "via: " + address.err().message};
  into.via = *device;
  into.address = config::to_string(*address);
  return success();
}

/// The command that makes this node a member, to be run where the library is.
std::string admission_line(const context& c, const join_request& asked, bool again) {
  const auto address = c.self->address();
  return "shoal member add " + asked.name + " " + to_string(c.self->device()) + "@"
         + (address.empty() ? "HOST:PORT" : address) + " --name " + c.self->name()
         + (again ? " --readmit" : "");
}

std::shared_ptr<library> named_library(const context& c, const request& r, const responder& to,
                                       std::initializer_list<std::string_view> parameters) {
  if (auto known = r.where.expect(parameters); !known) {
    to->send(error_reply(known.err()));
    return nullptr;
  }
  auto found = find_library(*c.self, r.args[0]);
  if (found)
    return std::move(*found);
  to->send(error_reply(found.err()));
  return nullptr;
}

void join(const context& c, const models::json_value& body, std::string_view name, responder to) {
  auto id_text = required_text(body, "id");
  auto via = required_text(body, "via");
  if (!id_text)
    return to->send(error_reply(id_text.err()));
  if (!via)
    return to->send(error_reply(via.err()));
  join_request asked;
  const auto id = parse_id<library_id>(*id_text);
  if (!id || id->is_nil())
    return to->send(error_reply({ec::invalid_field, "id must be a library's id, a uuid"}));
  if (auto read = read_via(*via, asked); !read)
    return to->send(error_reply(read.err()));
  asked.id = *id;
  asked.name = std::string(name);
  auto shown = asked;
  const bool again = c.self->left_before(asked.id);
  c.self->join_library(
      std::move(asked),
      answers<std::shared_ptr<library>>(c, std::move(to),
                                        [c, shown, again](const std::shared_ptr<library>& made) {
                                          auto out = library_json(made->status());
                                          out["run"] = admission_line(c, shown, again);
                                          return json_reply(out);
                                        }));
}

void pause(const context& c, const request& r, responder to, bool on) {
  auto l = named_library(c, r, to, {});
  if (!l)
    return;
  c.self->pause_library(l->id(), on,
                        answers<std::string>(c, std::move(to), [l, on](const std::string&) {
                          json out;
                          out["id"] = to_string(l->id());
                          out["name"] = l->name();
                          out["paused"] = on;
                          return json_reply(out);
                        }));
}

} // namespace

/// `{"name"}` makes a library; with `id` and `via` it is one that `via` has.
void create_library(const context& c, request r, responder to) {
  auto body = parse_object(r.body, {"name", "id", "via"});
  if (!body)
    return to->send(error_reply(body.err()));
  auto name = required_text(body->root(), "name");
  if (!name)
    return to->send(error_reply(name.err()));
  // A `/` could not be named in a path by hand, and a uuid would hide behind a library of that id.
  if (name->find('/') != std::string::npos || parse_uuid(*name))
    return to->send(error_reply({ec::invalid_field, "name must not hold a / and not be a uuid"}));
  if (body->root().find("id") || body->root().find("via"))
    return join(c, body->root(), *name, std::move(to));
  c.self->create_library(
      std::string(*name),
      answers<std::shared_ptr<library>>(c, std::move(to), [](const std::shared_ptr<library>& made) {
        return json_reply(library_json(made->status()));
      }));
}

void leave_library(const context& c, request r, responder to) {
  auto l = named_library(c, r, to, {"now", "delete"});
  if (!l)
    return;
  auto now = r.where.flag("now");
  auto drop = r.where.flag("delete");
  if (!now)
    return to->send(error_reply(now.err()));
  if (!drop)
    return to->send(error_reply(drop.err()));
  c.self->leave_library(l->id(), {*now, *drop},
                        answers<std::string>(c, std::move(to), [l](const std::string& aside) {
                          json out;
                          out["id"] = to_string(l->id());
                          out["name"] = l->name();
                          out["state"] = "left";
                          out["files"] = aside.empty() ? json(nullptr) : json(aside);
                          return json_reply(out);
                        }));
}

void rebuild_library(const context& c, request r, responder to) {
  auto l = named_library(c, r, to, {});
  if (!l)
    return;
  c.self->rebuild_library(l->id(),
                          answers<std::string>(c, std::move(to), [l](const std::string& aside) {
                            json out;
                            out["id"] = to_string(l->id());
                            out["name"] = l->name();
                            out["state"] = "rebuilding";
                            out["files"] = aside.empty() ? json(nullptr) : json(aside);
                            return json_reply(out);
                          }));
}

void pause_library(const context& c, request r, responder to) { pause(c, r, std::move(to), true); }
void resume_library(const context& c, request r, responder to) {
  pause(c, r, std::move(to), false);
}

} // namespace shoal::api
