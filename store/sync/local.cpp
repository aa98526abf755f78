// Values of fields that stay on this node: written in the batch of the write that brings them,
// shown with the record, and gone with it. No op carries them, so frontier, digest, log and peers
// know nothing of them.

#include "store/sync/keys.hpp"
#include "store/sync/records.hpp"
#include "store/sync/replica.hpp"

namespace shoal {

namespace {

using local_values = std::map<std::string, std::string>; // name → encoded value

result<local_values> read_local(const kv_view& view, const std::string& key) {
  auto raw = view.get(family::meta, key);
  if (!raw)
    return raw.err();
  local_values out;
  if (!*raw)
    return out;
  reader in(**raw);
  for (size_t n = in.array((*raw)->size(), "local fields"); n > 0 && !in.failed(); --n) {
    if (in.array(2, "local field") != 2)
      in.fail(ec::bad_value, "local field");
    std::string name(in.str(wire_limits::name_bytes, "local field"));
    out[std::move(name)] = in.value("local field");
  }
  in.finish("local fields");
  if (in.failed())
    return error{ec::corrupt, "local fields on disk: " + in.err().message};
  return out;
}

} // namespace

status replica::load_local(const kv_view& store) {
  auto c = store.cursor(family::meta);
  c->seek(keys::local_prefix());
  has_local_ = c->valid() && c->key().starts_with(keys::local_prefix());
  return c->state();
}

status replica::keep_local(kv_transaction& txn, const edit& e, const std::string& row_key) {
  if (e.local.empty())
    return success();
  const auto key = keys::local(e.cls, row_key);
  auto values = read_local(txn, key);
  if (!values)
    return values.err();
  for (const auto& [name, value] : e.local) {
    if (value == "\xc0")
      values->erase(name);
    else
      (*values)[name] = value;
  }
  std::string raw;
  writer w(raw);
  w.array(values->size());
  for (const auto& [name, value] : *values)
    w.array(2), w.str(name), w.raw(value);
  if (raw.size() > options_.max_record_bytes)
    return {ec::too_big, e.model + " " + to_string(e.id) + ": its local fields take "
                             + std::to_string(raw.size()) + " bytes encoded; at most "
                             + std::to_string(options_.max_record_bytes)};
  if (values->empty())
    txn.erase(family::meta, key);
  else
    txn.put(family::meta, key, std::move(raw));
  has_local_ = true;
  return success();
}

/// A record that a delete took, by whomever and however, takes them along, also when it is made
/// anew at once.
void replica::drop_local(kv_transaction& txn, record_class cls, std::string_view row_key,
                         const row& before, const row& after) {
  if (has_local_ && before.visible && (!after.visible || before.removed < after.removed))
    txn.erase(family::meta, keys::local(cls, row_key));
}

status add_local(const kv_view& view, record_view& into) {
  if (into.deleted)
    return success();
  const auto row_key = keys::row(into.cls, into.model, into.id, into.owner.value_or(device_id{}));
  auto values = read_local(view, keys::local(into.cls, row_key));
  if (!values)
    return values.err();
  for (auto& [name, value] : *values)
    into.fields.insert_or_assign(name, std::move(value));
  return success();
}

} // namespace shoal
