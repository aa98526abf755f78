// Routes about what is held but not merged, and about conflicts.

#include "actors/api/body.hpp"
#include "actors/api/op_json.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/status_json.hpp"
#include "config/limits.hpp"
#include "store/models/json.hpp"
#include "store/sync/conflicts.hpp"
#include "store/sync/held.hpp"
#include "store/sync/records.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace shoal::api {
namespace {

using json = nlohmann::ordered_json;
using steady = std::chrono::steady_clock;

constexpr size_t records_looked_at_max = 50'000; // in one answer, for those that are unreadable
constexpr auto step_time = std::chrono::milliseconds(5);

// A held op's name: ORIGIN.EPOCH.SEQ, the epoch in 16 hex digits.
std::string id_text(const dot& at) {
  return to_string(at.origin) + "." + to_string(at.stream()).substr(37) + "."
         + std::to_string(at.seq);
}

result<dot> parse_held_id(std::string_view text) {
  const error wrong{ec::bad_request,
                    "\"" + std::string(text) + "\" is no dead letter's id; the list has them"};
  if (text.size() < 55 || text[36] != '.' || text[53] != '.')
    return wrong;
  const auto origin = parse_id<device_id>(text.substr(0, 36));
  dot at;
  const auto number = [](std::string_view digits, uint64_t& into, int base) {
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), into, base);
    return fault == std::errc{} && end == digits.data() + digits.size();
  };
  if (!origin || !number(text.substr(37, 16), at.epoch, 16) || !number(text.substr(54), at.seq, 10))
    return wrong;
  at.origin = *origin;
  return at;
}

json held_json(const held_op& h, bool whole) {
  reader in(h.bytes);
  const auto o = read_op(in, h.at.origin);
  const bool readable = !in.failed();
  json out;
  out["id"] = id_text(h.at);
  out["why"] = to_string(h.why);
  out["reason"] = h.reason;
  out["model"] = o.model.empty() ? json(nullptr) : json(o.model);
  out["record"] = o.id.is_nil() ? json(nullptr) : json(to_string(o.id));
  out["op"] = readable ? json(op_text(o.kind)) : json(nullptr);
  out["origin"] = to_string(h.at.origin);
  out["seq"] = h.at.seq;
  out["hlc"] = h.stamp.is_zero() ? json(nullptr) : json(to_string(h.stamp));
  out["since"] = h.since_ms;
  out["released"] = h.released;
  out["bytes"] = h.bytes.size();
  if (!whole)
    return out;
  out["hidden"] = h.hidden;
  out["fields"] = readable ? fields_json(o) : json(nullptr);
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : h.bytes) {
    hex += digits[static_cast<uint8_t>(c) >> 4];
    hex += digits[static_cast<uint8_t>(c) & 15];
  }
  out["raw"] = hex;
  return out;
}

/// Why this node's models find a record wanting; nothing when they do not.
std::optional<std::string> unreadable(const models::registry& known, const record_view& r) {
  const auto* model = known.find(r.model);
  if (!model)
    return "this node has no model " + r.model;
  for (const auto& f : model->fields)
    if (f.required && !r.fields.contains(f.name))
      return r.model + "." + f.name + " is required and not there";
  return std::nullopt;
}

/// Held ops first, then records that this node cannot make sense of; read in short steps.
class deadletter_list : public std::enable_shared_from_this<deadletter_list> {
public:
  deadletter_list(const context& c, responder to, std::shared_ptr<const kv_view> view,
                  std::optional<dot> after, size_t limit)
      : context_(c), to_(std::move(to)), view_(std::move(view)), after_(after), limit_(limit) {}

  void start() {
    bool more = false;
    auto listed = list_held(*view_, after_ ? &*after_ : nullptr, [&](held_op&& h) {
      if (h.hidden)
        return true;
      more = items_.size() == limit_;
      if (more)
        return false;
      after_ = h.at;
      items_.push_back(held_json(h, false));
      return true;
    });
    if (!listed)
      return to_->send(error_reply(listed.err()));
    if (more)
      return answer(id_text(*after_));
    auto present = models_present(*view_);
    if (!present)
      return to_->send(error_reply(present.err()));
    models_ = std::move(*present);
    step();
  }

private:
  void step() {
    const auto until = steady::now() + step_time;
    while (at_ < models_.size() && items_.size() < limit_ && looked_at_ < records_looked_at_max) {
      const auto& [cls, model] = models_[at_];
      bool paused = false;
      const auto from = last_;
      auto scanned =
          list_records(*view_, cls, model, from ? &*from : nullptr, false, [&](record_view&& r) {
            if (last_ != r.id
                && (items_.size() >= limit_ || ++looked_at_ > records_looked_at_max
                    || steady::now() >= until)) {
              paused = true;
              return false;
            }
            last_ = r.id;
            if (auto why = unreadable(*context_.self->models(), r))
              add(r, *why);
            return true;
          });
      if (!scanned)
        return to_->send(error_reply(scanned.err()));
      if (!paused) {
        ++at_;
        last_.reset();
      } else if (items_.size() < limit_ && looked_at_ <= records_looked_at_max) {
        context_.work->post([self = shared_from_this()] { self->step(); });
        return;
      }
    }
    answer(nullptr);
  }

  void add(const record_view& r, const std::string& why) {
    json out;
    out["id"] = r.model + ":" + to_string(r.id);
    out["why"] = "unreadable";
    out["reason"] = why;
    out["model"] = r.model;
    out["record"] = to_string(r.id);
    out["op"] = nullptr;
    out["origin"] = to_string(r.newest.origin);
    out["seq"] = r.newest.seq;
    out["hlc"] = to_string(r.stamp);
    items_.push_back(std::move(out));
  }

  void answer(const json& next) {
    json out;
    out["items"] = std::move(items_);
    out["next"] = next;
    // Records beyond the bound were not looked at.
    out["whole"] = next.is_null() && at_ >= models_.size();
    to_->send(json_reply(out));
  }

  context context_;
  responder to_;
  std::shared_ptr<const kv_view> view_;
  std::optional<dot> after_;
  size_t limit_;
  json items_ = json::array();
  std::vector<std::pair<record_class, std::string>> models_;
  size_t at_ = 0;
  std::optional<record_id> last_;
  size_t looked_at_ = 0;
};

json side_json(const conflict_side& s) {
  json out;
  out["value"] = json(models::value_to_json(s.value));
  if (s.left_out)
    out["left_out"] = true;
  out["hlc"] = to_string(s.stamp);
  out["device"] = to_string(s.stamp.device);
  out["deleted"] = s.removed;
  return out;
}

json conflict_json(const conflict& c) {
  json out;
  out["model"] = c.model;
  out["id"] = to_string(c.id);
  out["field"] = c.field.empty() ? json(nullptr) : json(c.field);
  out["key"] = c.key ? json(*c.key) : json(nullptr);
  out["winner"] = side_json(c.winner);
  out["loser"] = side_json(c.loser);
  out["when"] = c.when_ms;
  out["resolved"] = c.resolved.has_value();
  out["resolved_by"] = c.resolved ? json(to_string(*c.resolved)) : json(nullptr);
  return out;
}

std::shared_ptr<library> library_of(const context& c, const request& r, const responder& to,
                                    std::initializer_list<std::string_view> parameters) {
  auto known = r.where.expect(parameters);
  auto found = known ? find_library(*c.self, r.args[0]) : known.err();
  if (!found) {
    to->send(error_reply(found.err()));
    return nullptr;
  }
  return std::move(*found);
}

} // namespace

void list_deadletters(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {"after", "limit"});
  if (!l)
    return;
  auto limit =
      r.where.number("limit", limits::deadletters_listed_max, std::numeric_limits<uint64_t>::max());
  if (limit && *limit == 0)
    limit = error{ec::bad_request, "parameter limit is 0; it must be at least 1"};
  if (!limit)
    return to->send(error_reply(limit.err()));
  std::optional<dot> after;
  if (auto text = r.where.get("after")) {
    auto parsed = parse_held_id(*text);
    if (!parsed)
      return to->send(error_reply(parsed.err()));
    after = *parsed;
  }
  auto list =
      std::make_shared<deadletter_list>(c, std::move(to), l->snapshot(), after,
                                        std::min<size_t>(*limit, limits::deadletters_listed_max));
  c.work->post([list] { list->start(); });
}

void show_deadletter(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {});
  if (!l)
    return;
  auto id = parse_held_id(r.args[1]);
  if (!id)
    return to->send(error_reply(id.err()));
  auto found = get_held(*l->snapshot(), *id);
  if (!found)
    return to->send(error_reply(found.err()));
  if (!*found)
    return to->send(error_reply(
        {ec::not_found, "library " + l->name() + " holds no dead letter " + r.args[1]}));
  to->send(json_reply(held_json(**found, true)));
}

/// Body: `{"id": ID}` for one, or nothing for all that this version could not merge.
void retry_deadletters(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {});
  if (!l)
    return;
  std::optional<dot> which;
  if (!r.body.empty()) {
    auto body = parse_object(r.body, {"id"});
    if (!body)
      return to->send(error_reply(body.err()));
    auto text = text_member(body->root(), "id");
    if (!text)
      return to->send(error_reply(text.err()));
    if (*text) {
      auto id = parse_held_id(**text);
      if (!id)
        return to->send(error_reply(id.err()));
      which = *id;
    }
  }
  l->retry_held(which, answers<retry_answer>(c, std::move(to), [](const retry_answer& a) {
                  json out;
                  out["tried"] = a.tried;
                  out["merged"] = a.merged;
                  out["more"] = a.more;
                  return json_reply(out);
                }));
}

/// Body: `{"id": ID}`.
void release_deadletter(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {});
  if (!l)
    return;
  auto body = parse_object(r.body, {"id"});
  if (!body)
    return to->send(error_reply(body.err()));
  auto text = required_text(body->root(), "id");
  if (!text)
    return to->send(error_reply(text.err()));
  auto id = parse_held_id(*text);
  if (!id)
    return to->send(error_reply(id.err()));
  l->release_held(*id, answers<release_answer>(
                           c, std::move(to), [text = std::string(*text)](const release_answer& a) {
                             json out;
                             out["id"] = text;
                             out["released"] = a.released;
                             out["left_out"] = a.left_out;
                             out["token"] = a.write.token;
                             return json_reply(out);
                           }));
}

void drop_deadletter(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {});
  if (!l)
    return;
  auto id = parse_held_id(r.args[1]);
  if (!id)
    return to->send(error_reply(id.err()));
  l->hide_held(*id, answers<nothing>(c, std::move(to), [text = r.args[1]](const nothing&) {
    json out;
    out["id"] = text;
    out["hidden"] = true;
    return json_reply(out);
  }));
}

void list_conflicts(const context& c, request r, responder to) {
  auto l = library_of(c, r, to, {});
  if (!l)
    return;
  c.work->post([view = l->snapshot(), to] {
    std::vector<json> newest_last;
    auto listed = list_conflicts(*view, [&](conflict&& found) {
      newest_last.push_back(conflict_json(found));
      return true;
    });
    if (!listed)
      return to->send(error_reply(listed.err()));
    json items = json::array();
    for (auto it = newest_last.rbegin(); it != newest_last.rend(); ++it)
      items.push_back(std::move(*it));
    to->send(json_reply(whole_list(std::move(items))));
  });
}

} // namespace shoal::api
