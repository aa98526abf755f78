// Routes about one library: members, peers, waiting, upkeep.

#include "actors/api/body.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/status_json.hpp"
#include "store/sync/by_seq.hpp"

#include <algorithm>
#include <charconv>

namespace shoal::api {
namespace {

using json = nlohmann::ordered_json;

constexpr double wait_seconds_default = 30;
constexpr double wait_seconds_max = 3600; // a client's connection is taken for that long

result<device_id> parse_device(std::string_view text) {
  if (auto id = parse_id<device_id>(text))
    return *id;
  return error{ec::bad_request, "\"" + std::string(text) + "\" is no device id; it must be a uuid"};
}

json devices_json(const std::vector<device_id>& devices) {
  json out = json::array();
  for (const auto& d : devices)
    out.push_back(to_string(d));
  return out;
}

/// Answers an error, or gives the library that the path names.
std::shared_ptr<library> open_library(const context& c, const request& r, const responder& to,
                                      std::initializer_list<std::string_view> parameters) {
  if (auto known = r.where.expect(parameters); !known) {
    to->send(error_reply(known.err()));
    return nullptr;
  }
  auto found = find_library(*c.self, r.args[0]);
  if (!found) {
    to->send(error_reply(found.err()));
    return nullptr;
  }
  return std::move(*found);
}

struct wait_for {
  frontier what;
  std::vector<device_id> devices;
  size_t needed = 0;
  uint64_t timeout_ms = 0;
};

result<uint64_t> parse_timeout(const target& where) {
  auto text = where.get("timeout");
  double seconds = wait_seconds_default;
  if (text) {
    auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (fault != std::errc{} || end != text->data() + text->size() || !(seconds >= 0)
        || seconds > wait_seconds_max)
      return error{ec::bad_request, "parameter timeout is \"" + std::string(*text)
                                        + "\"; it must be a number of seconds from 0 to 3600"};
  }
  return static_cast<uint64_t>(seconds * 1000);
}

result<wait_for> parse_wait(const target& where, const library& l, const device_id& self) {
  wait_for out;
  auto timeout = parse_timeout(where);
  if (!timeout)
    return timeout.err();
  out.timeout_ms = *timeout;
  if (auto token = where.get("for")) {
    auto parsed = parse_token(*token);
    if (!parsed)
      return error{ec::bad_request,
                   "parameter for is no token of this program: " + parsed.err().message};
    auto whole = unfold(parsed->told, l.now());
    if (!whole.whole)
      return error{ec::unavailable,
                   "the token names writes of long ago that this node does not hold "
                   "yet; ask again when it has caught up, or ask another node"};
    out.what = std::move(whole.held);
  } else {
    out.what = l.now();
  }
  const auto members = l.members();
  auto peers = where.get("peers").value_or("all");
  uint64_t count = 0;
  auto [end, fault] = std::from_chars(peers.data(), peers.data() + peers.size(), count);
  const bool is_count = fault == std::errc{} && end == peers.data() + peers.size();
  if (peers == "all" || is_count) {
    for (const auto& [device, m] : members)
      if (!m.removed && device != self)
        out.devices.push_back(device);
    out.needed = is_count ? static_cast<size_t>(count) : out.devices.size();
    if (out.needed > out.devices.size())
      return error{ec::bad_request, "parameter peers is " + std::to_string(count)
                                        + "; the library has " + std::to_string(out.devices.size())
                                        + " members besides this device"};
    return out;
  }
  while (!peers.empty()) {
    auto comma = peers.find(',');
    auto device = parse_device(peers.substr(0, comma));
    peers = comma == std::string_view::npos ? std::string_view{} : peers.substr(comma + 1);
    if (!device)
      return error{ec::bad_request,
                   "parameter peers must be all, a number, or device ids: " + device.err().message};
    if (*device != self && !is_member(members, *device))
      return error{ec::not_found, to_string(*device) + " is no member of library " + l.name()};
    if (std::find(out.devices.begin(), out.devices.end(), *device) == out.devices.end())
      out.devices.push_back(*device);
  }
  out.needed = out.devices.size();
  return out;
}

reply wait_reply(const std::vector<device_id>& held, const std::vector<device_id>& missing,
                 bool enough) {
  json out;
  out["held"] = devices_json(held);
  out["missing"] = devices_json(missing);
  return json_reply(out, enough ? 200 : 408);
}

} // namespace

void get_library(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  auto status = l->status();
  auto out = library_json(status);
  out["frontiers"] = frontier_json(status.held);
  to->send(json_reply(out));
}

void list_members(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  json items = json::array();
  for (const auto& [device, m] : l->members())
    items.push_back(member_json(device, m));
  to->send(json_reply(whole_list(std::move(items))));
}

void add_member(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  auto body = parse_object(r.body, {"device", "address", "name", "readmit"});
  if (!body)
    return to->send(error_reply(body.err()));
  auto device_text = required_text(body->root(), "device");
  auto address = text_member(body->root(), "address");
  auto name = text_member(body->root(), "name");
  auto readmit = flag_member(body->root(), "readmit");
  if (!device_text)
    return to->send(error_reply(device_text.err()));
  if (!address)
    return to->send(error_reply(address.err()));
  if (!name)
    return to->send(error_reply(name.err()));
  if (!readmit)
    return to->send(error_reply(readmit.err()));
  auto device = parse_id<device_id>(*device_text);
  if (!device || device->is_nil())
    return to->send(
        error_reply({ec::invalid_field, "device must be a device id, as `shoal id` prints it"}));
  l->add_member(*device, std::string(address->value_or("")), std::string(name->value_or("")),
                *readmit, answers<nothing>(c, std::move(to), [l, id = *device](const nothing&) {
                  auto members = l->members();
                  auto found = members.find(id);
                  return json_reply(
                      member_json(id, found == members.end() ? member{} : found->second));
                }));
}

void remove_member(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {"purge"});
  if (!l)
    return;
  auto purge = r.where.flag("purge");
  if (!purge)
    return to->send(error_reply(purge.err()));
  auto device = parse_device(r.args[1]);
  if (!device)
    return to->send(error_reply(device.err()));
  if (!l->members().contains(*device))
    return to->send(
        error_reply({ec::not_found, to_string(*device) + " is no member of library " + l->name()}));
  l->remove_member(*device, *purge,
                   answers<nothing>(c, std::move(to), [id = *device](const nothing&) {
                     json out;
                     out["device"] = to_string(id);
                     out["state"] = "removed";
                     return json_reply(out);
                   }));
}

void list_peers(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  json items = json::array();
  for (const auto& m : l->status().members)
    items.push_back(peer_json(m));
  to->send(json_reply(whole_list(std::move(items))));
}

void get_digest(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  auto status = l->status();
  json out;
  out["digest"] = status.digest;
  out["frontiers"] = frontier_json(status.held);
  out["settled"] = status.settled;
  to->send(json_reply(out));
}

void wait_for_peers(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {"for", "peers", "timeout"});
  if (!l)
    return;
  const auto self = c.self->device();
  auto asked = parse_wait(r.where, *l, self);
  if (!asked)
    return to->send(error_reply(asked.err()));
  // This device's own word is its frontier, which the backend does not wait for as for a peer's
  // acknowledgement.
  auto own = std::find(asked->devices.begin(), asked->devices.end(), self);
  bool self_holds = false;
  if (own != asked->devices.end() && covers(l->now(), asked->what)) {
    self_holds = true;
    asked->devices.erase(own);
    asked->needed -= asked->needed > asked->devices.size() ? 1 : 0;
  }
  if (asked->devices.empty())
    return to->send(
        wait_reply(self_holds ? std::vector{self} : std::vector<device_id>{}, {}, true));
  const auto needed = asked->needed;
  l->wait(std::move(asked->what), std::move(asked->devices), needed, asked->timeout_ms,
          answers<wait_answer>(c, std::move(to), [needed, self_holds, self](const wait_answer& a) {
            auto held = a.held;
            if (self_holds)
              held.push_back(self);
            return wait_reply(held, a.missing, a.held.size() >= needed);
          }));
}

void trace_write(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {"token"});
  if (!l)
    return;
  auto token = r.where.get("token");
  auto parsed = parse_token(token.value_or(""));
  if (!parsed)
    return to->send(error_reply(
        {ec::bad_request, "parameter token is no token of this program: " + parsed.err().message}));
  auto traced = l->trace(unfold(parsed->told, l->now()).held);
  // The write that the token came from is the newest of what it names.
  std::stable_sort(traced.begin(), traced.end(), [](const op_trace& a, const op_trace& b) {
    return a.durable_ms.value_or(0) > b.durable_ms.value_or(0);
  });
  const auto members = l->members();
  const auto view = l->snapshot();
  const auto moment = [](const std::optional<uint64_t>& ms) { return ms ? json(*ms) : json(); };
  json items = json::array();
  for (const auto& t : traced) {
    json item;
    item["origin"] = to_string(t.stream.origin);
    item["epoch"] = to_string(t.stream).substr(37); // behind the origin and a slash
    item["seq"] = t.seq;
    auto stamp = stamp_of(*view, {t.stream.origin, t.stream.epoch, t.seq});
    if (!stamp)
      return to->send(error_reply(stamp.err()));
    item["stamped"] = *stamp ? json((*stamp)->wall_ms) : json();
    const bool local = t.stream.origin == c.self->device();
    item["committed"] = local ? moment(t.durable_ms) : json();
    item["received"] = moment(t.received_ms);
    item["durable"] = moment(t.durable_ms);
    json on = json::array();
    for (const auto& m : t.members) {
      const auto known = members.find(m.device);
      json member;
      member["device"] = to_string(m.device);
      member["name"] = known == members.end() ? "" : known->second.name;
      member["sent"] = moment(m.sent_ms);
      member["durable"] = moment(m.durable_ms);
      member["holds"] = m.holds;
      on.push_back(std::move(member));
    }
    item["members"] = std::move(on);
    items.push_back(std::move(item));
  }
  to->send(json_reply(whole_list(std::move(items))));
}

void sync_library(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  l->sync_now();
  to->send(json_reply(json::object()));
}

void prune_library(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {});
  if (!l)
    return;
  l->prune(answers<prune_answer>(c, std::move(to), [](const prune_answer& a) {
    json out;
    out["removed"] = a.removed;
    out["log_entries"] = a.log_entries;
    out["held_by"] = devices_json(a.held_by);
    return json_reply(out);
  }));
}

void verify_library(const context& c, request r, responder to) {
  auto l = open_library(c, r, to, {"repair"});
  if (!l)
    return;
  auto repair = r.where.flag("repair");
  if (!repair)
    return to->send(error_reply(repair.err()));
  l->verify(*repair, answers<verify_answer>(c, std::move(to), [](const verify_answer& a) {
    json out;
    out["ok"] = a.ok;
    out["records"] = a.records;
    out["versions"] = a.versions;
    out["log_entries"] = a.log_entries;
    out["digest"] = a.digest;
    out["problems"] = a.problems;
    out["described"] = a.described;
    json peers = json::array();
    for (const auto& p : a.peers) {
      json peer;
      peer["device"] = to_string(p.device);
      peer["complete"] = p.complete;
      peer["versions"] = p.versions;
      peer["intervals_differing"] = p.intervals_differing;
      peer["records_changed"] = p.records_changed;
      peers.push_back(std::move(peer));
    }
    out["peers"] = std::move(peers);
    return json_reply(out);
  }));
}

} // namespace shoal::api
