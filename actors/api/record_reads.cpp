// Routes that read records and the log. A list is read on the work thread in short steps, so that a
// scan without a hit through a million records delays neither writes nor another list, and holds
// one page at most.

#include "actors/api/op_json.hpp"
#include "actors/api/record_filter.hpp"
#include "actors/api/routes.hpp"
#include "store/models/json.hpp"
#include "store/models/registry.hpp"
#include "store/sync/records.hpp"

#include <algorithm>
#include <chrono>

namespace shoal::api {
namespace {

using steady = std::chrono::steady_clock;

constexpr uint64_t page_default = 100;
constexpr uint64_t page_max = 10'000; // larger limits are this one: `next` says that more follows
constexpr size_t page_bytes = size_t{4} << 20; // a page ends early beyond it
constexpr auto step_time = std::chrono::milliseconds(5);

/// The class of a model: as defined, or as found in the store for models this node does not know.
/// ec::unknown_model.
result<record_class> class_of(const models::registry& known, const kv_view& view,
                              std::string_view model) {
  if (const auto* def = known.find(model))
    return def->cls;
  auto present = models_present(view);
  if (!present)
    return present.err();
  for (const auto& [cls, name] : *present)
    if (name == model)
      return cls;
  return error{ec::unknown_model, "there is no model \"" + std::string(model)
                                      + "\" on this node, and the library has no record of one"};
}

bool has_local_fields(const models::registry& known, std::string_view model) {
  const auto* def = known.find(model);
  return def != nullptr
         && std::any_of(def->fields.begin(), def->fields.end(),
                        [](const models::field_def& f) { return f.local; });
}

/// One page of a model's records.
class page_scan : public std::enable_shared_from_this<page_scan> {
public:
  page_scan(const context& c, responder to, std::shared_ptr<const kv_view> view, std::string model,
            record_filter filter, std::optional<record_id> after, uint64_t limit)
      : context_(c), to_(std::move(to)), view_(std::move(view)), model_(std::move(model)),
        filter_(std::move(filter)), after_(after), limit_(limit) {}

  void start() {
    auto found = class_of(*context_.self->models(), *view_, model_);
    if (!found)
      return to_->send(error_reply(found.err()));
    class_ = *found;
    with_local_ = has_local_fields(*context_.self->models(), model_);
    step();
  }

private:
  void step() {
    bool paused = false;
    std::optional<error> fault;
    const auto until = steady::now() + step_time;
    const auto from = after_;
    auto scanned = list_records(
        *view_, class_, model_, from ? &*from : nullptr, true, [&](record_view&& record) {
          // Several owners' records of one id stay in one step: `after` skips all of them.
          const bool same_id = after_ == record.id;
          if (!same_id && steady::now() >= until) {
            paused = true;
            return false;
          }
          if (with_local_)
            if (auto added = add_local(*view_, record); !added) {
              fault = added.err();
              return false;
            }
          if (filter_.matches(record)) {
            if ((count_ >= limit_ || items_.size() >= page_bytes) && listed_ != record.id) {
              more_ = true;
              return false;
            }
            append(record);
          }
          after_ = record.id;
          return true;
        });
    if (!scanned || fault)
      return to_->send(error_reply(fault ? *fault : scanned.err()));
    if (paused) {
      context_.work->post([self = shared_from_this()] { self->step(); });
      return;
    }
    reply r;
    r.body = "{\"items\":[" + items_
             + "],\"next\":" + (more_ ? '"' + to_string(*listed_) + '"' : "null") + "}";
    to_->send(std::move(r));
  }

  void append(const record_view& record) {
    if (!items_.empty())
      items_ += ',';
    items_ += text_of(models::to_json(record));
    listed_ = record.id;
    ++count_;
  }

  context context_;
  responder to_;
  std::shared_ptr<const kv_view> view_;
  std::string model_;
  record_filter filter_;
  std::optional<record_id> after_; // the last record looked at
  uint64_t limit_;
  record_class class_ = record_class::shared;
  bool with_local_ = false;
  std::string items_;
  uint64_t count_ = 0;
  std::optional<record_id> listed_; // the last record shown
  bool more_ = false;
};

result<uint64_t> page_limit(const target& where) {
  auto limit = where.number("limit", page_default, std::numeric_limits<uint64_t>::max());
  if (limit && *limit == 0)
    return error{ec::bad_request, "parameter limit is 0; it must be at least 1"};
  return limit ? std::min(*limit, page_max) : limit;
}

nlohmann::ordered_json entry_json(const log_entry& e) {
  nlohmann::ordered_json out;
  out["hlc"] = to_string(e.stamp);
  out["origin"] = to_string(e.stream.origin);
  out["epoch"] = to_string(e.stream).substr(37); // behind the origin and a slash
  out["seq"] = e.what.seq;
  out["op"] = op_text(e.what.kind);
  out["model"] = e.what.model;
  out["id"] = to_string(e.what.id);
  out["fields"] = fields_json(e.what);
  return out;
}

reply log_page(const kv_view& view, const std::optional<hlc>& since, uint64_t limit) {
  std::string items;
  std::optional<hlc> last;
  uint64_t count = 0;
  bool more = false;
  auto scanned = list_log(view, since ? &*since : nullptr, [&](log_entry&& entry) {
    if (count == limit || items.size() >= page_bytes) {
      more = true;
      return false;
    }
    if (!items.empty())
      items += ',';
    items += text_of(entry_json(entry));
    last = entry.stamp;
    ++count;
    return true;
  });
  if (!scanned)
    return error_reply(scanned.err());
  reply r;
  r.body =
      "{\"items\":[" + items + "],\"next\":" + (more ? '"' + to_string(*last) + '"' : "null") + "}";
  return r;
}

} // namespace

void read_record(const context& c, request r, responder to) {
  if (auto known = r.where.expect({"deleted"}); !known)
    return to->send(error_reply(known.err()));
  auto deleted = r.where.flag("deleted");
  if (!deleted)
    return to->send(error_reply(deleted.err()));
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  const auto& model = r.args[1];
  auto id = parse_id<record_id>(r.args[2]);
  if (!id)
    return to->send(
        error_reply({ec::bad_request, "\"" + r.args[2] + "\" is no record id; it must be a uuid"}));
  auto view = (*l)->snapshot();
  auto cls = class_of(*c.self->models(), *view, model);
  if (!cls)
    return to->send(error_reply(cls.err()));
  auto record = get_record(*view, *cls, model, *id);
  if (!record)
    return to->send(error_reply(record.err()));
  if (!*record)
    return to->send(error_reply(
        {ec::not_found, "library " + (*l)->name() + " has no " + model + " " + to_string(*id)}));
  if ((*record)->deleted && !*deleted)
    return to->send(error_reply(
        {ec::not_found, model + " " + to_string(*id)
                            + " was deleted; ?deleted=true shows it while its tombstone stands"}));
  if (has_local_fields(*c.self->models(), model))
    if (auto added = add_local(*view, **record); !added)
      return to->send(error_reply(added.err()));
  to->send(json_reply(models::to_json(**record)));
}

void read_records(const context& c, request r, responder to) {
  if (auto known = r.where.expect({"limit", "after", "owner", "deleted", "where"}, "where"); !known)
    return to->send(error_reply(known.err()));
  auto limit = page_limit(r.where);
  if (!limit)
    return to->send(error_reply(limit.err()));
  std::optional<record_id> after;
  if (auto text = r.where.get("after")) {
    after = parse_id<record_id>(*text);
    if (!after)
      return to->send(
          error_reply({ec::bad_request, "parameter after is \"" + std::string(*text)
                                            + "\"; it must be a record id, as `next` gives it"}));
  }
  auto filter = record_filter::parse(r.where);
  if (!filter)
    return to->send(error_reply(filter.err()));
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  auto scan = std::make_shared<page_scan>(c, std::move(to), (*l)->snapshot(), std::move(r.args[1]),
                                          std::move(*filter), after, *limit);
  c.work->post([scan] { scan->start(); });
}

void read_log(const context& c, request r, responder to) {
  if (auto known = r.where.expect({"since", "limit"}); !known)
    return to->send(error_reply(known.err()));
  auto limit = page_limit(r.where);
  if (!limit)
    return to->send(error_reply(limit.err()));
  std::optional<hlc> since;
  if (auto text = r.where.get("since")) {
    auto parsed = parse_hlc(*text);
    if (!parsed)
      return to->send(
          error_reply({ec::bad_request, "parameter since is \"" + std::string(*text)
                                            + "\"; it must be an HLC as records show it"}));
    since = *parsed;
  }
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  c.work->post([view = (*l)->snapshot(), since, limit = *limit, to] {
    to->send(log_page(*view, since, limit));
  });
}

} // namespace shoal::api
