// Routes that write. Each is one atomic batch of edits: typed here, committed by the backend,
// answered after its sync.

#include "actors/api/body.hpp"
#include "actors/api/routes.hpp"
#include "store/models/edits.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>

namespace shoal::api {
namespace {

constexpr size_t large_body = size_t{64}
                              << 10; // parsed on the work thread, so that others' writes go on
constexpr size_t key_bytes = 255;

/// A fresh version 4 uuid. The kernel's random bytes are drawn for 256 ids at a time.
record_id random_id() {
  static thread_local std::array<uint8_t, 4096> pool;
  static thread_local size_t used = pool.size();
  if (used == pool.size()) {
    // At most 256 bytes at once are never cut short by a signal.
    for (size_t at = 0; at < pool.size(); at += 256)
      while (getrandom(pool.data() + at, 256, 0) != 256) {
      }
    used = 0;
  }
  record_id id;
  std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(used), 16, id.bytes.begin());
  used += 16;
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x40);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

result<edit> put_edit(const context& c, std::string_view model, std::string_view id,
                      const models::json_value& fields) {
  static const std::function<record_id()> fresh = random_id;
  return models::to_edit(*c.self->models(), {model, id, fields, c.self->device(), fresh});
}

result<std::optional<idempotency>> parse_key(const request& r) {
  if (r.idempotency_key.empty())
    return std::optional<idempotency>{};
  const bool plain = std::all_of(r.idempotency_key.begin(), r.idempotency_key.end(),
                                 [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain || r.idempotency_key.size() > key_bytes)
    return error{ec::bad_request,
                 "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces"};
  auto method = boost::beast::http::to_string(r.method);
  std::string all(method.data(), method.size());
  for (const auto& segment : r.where.path) {
    all += '\0'; // in no segment
    all += segment;
  }
  all += '\0';
  all += '\0';
  all += r.body;
  return std::optional(idempotency{r.idempotency_key, fnv1a(all)});
}

void append_result(std::string& out, const edit_result& e) {
  out += "{\"model\":\"";
  out += e.model; // a name: it holds nothing that JSON escapes
  out += "\",\"id\":\"";
  out += to_string(e.id);
  out += "\",\"hlc\":\"";
  out += to_string(e.stamp);
  out += "\",\"seq\":";
  out += std::to_string(e.seq);
}

reply one_reply(const write_answer& a) {
  reply r;
  r.must_go_out = true;
  r.body.reserve(256 + a.token.size());
  for (const auto& e : a.results)
    append_result(r.body, e);
  r.body += ",\"token\":\"";
  r.body += a.token;
  r.body += "\"}";
  return r;
}

reply batch_reply(const write_answer& a) {
  reply r;
  r.must_go_out = true;
  r.body.reserve(64 + a.token.size() + 192 * a.results.size());
  r.body = "{\"token\":\"" + a.token + "\",\"results\":[";
  for (const auto& e : a.results) {
    if (r.body.back() == '}')
      r.body += ',';
    append_result(r.body, e);
    r.body += '}';
  }
  r.body += "]}";
  return r;
}

using edits = std::vector<edit>;
using make_edits = result<edits> (*)(const context&, const request&);

/// A braced list would copy the edit.
result<edits> only(result<edit> made) {
  if (!made)
    return made.err();
  edits out;
  out.push_back(std::move(*made));
  return out;
}
using make_reply = reply (*)(const write_answer&);

void commit(const context& c, const std::shared_ptr<library>& l, const request& r,
            result<edits> made, make_reply show, responder to) {
  if (!made)
    return to->send(error_reply(made.err()));
  auto once = parse_key(r);
  if (!once)
    return to->send(error_reply(once.err()));
  if (made->empty() && !*once)
    return to->send(show({to_token(l->folded_now(), purge_hash(l->members())), {}}));
  l->write(std::move(*made), std::move(*once), answers<write_answer>(c, std::move(to), show));
}

void write(const context& c, request r, responder to, make_edits make, make_reply show) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  if (r.body.size() <= large_body)
    return commit(c, *l, r, make(c, r), show, std::move(to));
  c.work->post([c, l = *l, r = std::make_shared<request>(std::move(r)), to, make, show] {
    auto made = std::make_shared<result<edits>>(make(c, *r));
    c.io->post([c, l, r, to, show, made] { commit(c, l, *r, std::move(*made), show, to); });
  });
}

result<edits> put_edits(const context& c, const request& r) {
  auto fields = read_json(r.body);
  if (!fields)
    return fields.err();
  if (!fields->root().is_object())
    return error{ec::bad_request, "the body must be a JSON object of the fields to set"};
  return only(put_edit(c, r.args[1], r.args[2], fields->root()));
}

result<edits> delete_edits(const context& c, const request& r) {
  return only(models::to_remove(*c.self->models(), r.args[1], r.args[2]));
}

/// One element of a batch's `ops`.
result<edit> batch_edit(const context& c, const models::json_value& o) {
  if (!o.is_object())
    return error{ec::bad_request, "must be an object"};
  const models::json_value* fields = nullptr;
  for (const auto& [key, value] : o.members()) {
    if (key == "fields")
      fields = &value;
    else if (key != "model" && key != "id" && key != "delete")
      return error{ec::bad_request, "unknown member \"" + std::string(key.substr(0, 80))
                                        + "\"; there are: model, id, fields, delete"};
  }
  auto model = required_text(o, "model");
  if (!model)
    return model.err();
  auto id = required_text(o, "id");
  if (!id)
    return id.err();
  auto remove = flag_member(o, "delete");
  if (!remove)
    return remove.err();
  if (*remove == (fields != nullptr))
    return error{ec::bad_request, "must have either \"fields\" or \"delete\":true"};
  return *remove ? models::to_remove(*c.self->models(), *model, *id)
                 : put_edit(c, *model, *id, *fields);
}

/// No more than what the edit takes on the wire, so that nothing is refused that would fit.
size_t least_bytes(const edit& e) {
  size_t n = e.model.size() + sizeof(record_id);
  for (const auto& f : e.fields) {
    n += f.name.size() + f.value.size();
    for (const auto& element : f.add)
      n += element.size();
    for (const auto& [key, value] : f.keys)
      n += key.size() + value.size();
  }
  return n;
}

result<edits> batch_edits(const context& c, const request& r) {
  auto body = parse_object(r.body, {"ops"});
  if (!body)
    return body.err();
  const auto* ops = body->root().find("ops");
  if (!ops || !ops->is_array())
    return error{ec::bad_request, "ops must be an array of {\"model\",\"id\",\"fields\"} or "
                                  "{\"model\",\"id\",\"delete\":true}"};
  const auto items = ops->items();
  if (items.size() > wire_limits::batch_ops)
    return error{ec::too_big, "the batch has " + std::to_string(items.size()) + " ops; at most "
                                  + std::to_string(wire_limits::batch_ops) + " go into one"};
  edits out;
  out.reserve(items.size());
  size_t bytes = 0;
  for (const auto& o : items) {
    auto made = batch_edit(c, o);
    if (!made)
      return error{made.err().code,
                   "ops[" + std::to_string(out.size()) + "]: " + made.err().message};
    bytes += least_bytes(*made);
    if (bytes > wire_limits::batch_bytes)
      return error{ec::too_big, "the batch is larger than "
                                    + std::to_string(wire_limits::batch_bytes)
                                    + " bytes encoded; split it"};
    out.push_back(std::move(*made));
  }
  return out;
}

} // namespace

void put_record(const context& c, request r, responder to) {
  write(c, std::move(r), std::move(to), put_edits, one_reply);
}

void delete_record(const context& c, request r, responder to) {
  write(c, std::move(r), std::move(to), delete_edits, one_reply);
}

void write_batch(const context& c, request r, responder to) {
  write(c, std::move(r), std::move(to), batch_edits, batch_reply);
}

} // namespace shoal::api
