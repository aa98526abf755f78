#include "store/sync/records.hpp"

#include "store/sync/keys.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>

namespace shoal {

static family rows_of(record_class cls) {
  return cls == record_class::owned ? family::owned : family::shared;
}

// A row without a delete mark and without an insert is only waiting for one: no record yet.
static bool is_record(const row& r) { return r.exists() || r.removed; }

static record_view make_view(const row& r, record_class cls, const keys::row_name& name) {
  return view_of(r, cls, name.model, name.id,
                 cls == record_class::owned ? std::optional(name.owner) : std::nullopt);
}

result<std::optional<record_view>> get_record(const kv_view& view, record_class cls,
                                              std::string_view model, const record_id& id) {
  std::optional<record_view> found;
  std::optional<error> fault;
  const auto prefix = keys::model_prefix(model) + std::string(id.view());
  auto scanned = scan_prefix(view, rows_of(cls), prefix, prefix,
                             [&](std::string_view key, std::string_view value) {
                               const auto name = keys::parse_row(cls, key);
                               auto r = read_row(view, cls, key, value);
                               if (!r || !name) {
                                 fault = r ? error{ec::corrupt, "row key on disk"} : r.err();
                                 return false;
                               }
                               // A live record goes before a deleted one.
                               if (is_record(*r) && (!found || (found->deleted && r->visible)))
                                 found = make_view(*r, cls, *name);
                               return true;
                             });
  if (fault)
    return *fault;
  if (!scanned)
    return scanned.err();
  return found;
}

status list_records(const kv_view& view, record_class cls, std::string_view model,
                    const record_id* after, bool with_deleted,
                    const std::function<bool(record_view&&)>& on) {
  const auto prefix = keys::model_prefix(model);
  std::string from = prefix;
  if (after) {
    from += after->view();
    from += std::string(17, '\xff'); // behind every owner of that id
  }
  std::optional<error> fault;
  auto scanned = scan_prefix(view, rows_of(cls), prefix, from,
                             [&](std::string_view key, std::string_view value) {
                               const auto name = keys::parse_row(cls, key);
                               auto r = read_row(view, cls, key, value);
                               if (!r || !name) {
                                 fault = r ? error{ec::corrupt, "row key on disk"} : r.err();
                                 return false;
                               }
                               if (!is_record(*r) || (!r->visible && !with_deleted))
                                 return true;
                               return on(make_view(*r, cls, *name));
                             });
  if (fault)
    return *fault;
  return scanned;
}

result<std::vector<std::pair<record_class, std::string>>> models_present(const kv_view& view) {
  std::vector<std::pair<record_class, std::string>> out;
  for (auto cls : {record_class::owned, record_class::shared}) {
    auto c = view.cursor(rows_of(cls));
    for (c->seek(""); c->valid();) {
      const auto name = keys::parse_row(cls, c->key());
      if (!name)
        return {ec::corrupt, "row key on disk"};
      out.emplace_back(cls, name->model);
      // Past every id and owner of this model.
      c->seek(keys::model_prefix(out.back().second) + std::string(33, '\xff'));
    }
    if (auto s = c->state(); !s)
      return s.err();
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second, a.first) < std::tie(b.second, b.first);
  });
  return out;
}

status list_log(const kv_view& view, const hlc* after, const std::function<bool(log_entry&&)>& on) {
  std::string from;
  if (after) {
    append_hlc(from, *after);
    from += std::string(17, '\xff');
  }
  auto c = view.cursor(family::log);
  for (c->seek(from); c->valid(); c->next()) {
    const auto key = c->key();
    auto stamp = decode_hlc(key.substr(0, 28));
    if (!stamp || key.size() != 44)
      return {ec::corrupt, "log key on disk"};
    log_entry entry;
    entry.stamp = *stamp;
    entry.stream = {stamp->device, keys::read_u64(key.substr(28))};
    reader in(c->value());
    entry.what = read_op(in, stamp->device);
    if (in.failed())
      return error{ec::corrupt, "log on disk: " + in.err().message};
    if (!on(std::move(entry)))
      break;
  }
  return c->state();
}

} // namespace shoal
