#include "sim/workload.hpp"

namespace shoal::sim {

template <class Id>
static Id id_of(char kind, uint64_t a, uint64_t b) {
  Id id;
  id.bytes[0] = static_cast<uint8_t>(kind);
  id.bytes[6] = static_cast<uint8_t>(a >> 8);
  id.bytes[7] = static_cast<uint8_t>(a);
  id.bytes[15] = static_cast<uint8_t>(b);
  return id;
}

device_id device_of(size_t node) { return id_of<device_id>('d', node + 1, 1); }
record_id tag_id(uint64_t n) { return id_of<record_id>('t', 0, n); }
record_id account_id(uint64_t n) { return id_of<record_id>('a', 0, n); }
record_id owned_id(size_t node, uint64_t n) { return id_of<record_id>('e', node + 1, n); }

std::string encoded(uint64_t v) {
  std::string out;
  writer(out).uint(v);
  return out;
}
std::string encoded(std::string_view v) {
  std::string out;
  writer(out).str(v);
  return out;
}
std::string encoded(const record_id& v) {
  std::string out;
  writer(out).bin(v.view());
  return out;
}
static const std::string nil = "\xc0";

field_edit lww(std::string name, std::string value) {
  field_edit f;
  f.name = std::move(name);
  f.value = std::move(value);
  return f;
}
field_edit parent(std::string name, std::string model, const record_id& id) {
  field_edit f;
  f.name = std::move(name);
  f.kind = field_kind::parent;
  f.value = encoded(id);
  f.parent_model = std::move(model);
  return f;
}
field_edit counter(std::string name, int64_t delta) {
  field_edit f;
  f.name = std::move(name);
  f.kind = field_kind::counter;
  f.delta = delta;
  return f;
}

std::string workload::value(random_source& r) {
  std::string text = std::to_string(r.below(1000));
  text.resize(plan_.value_bytes, 'x');
  return encoded(text);
}

edit workload::tag_edit(random_source& r) {
  edit e;
  e.model = "tag";
  e.id = tag_id(r.below(plan_.hot_tags));
  const auto kind = r.below(100);
  if (kind < 15) {
    e.remove = true;
    return e;
  }
  if (kind < 35)
    e.fields.push_back(lww("name", value(r)));
  else
    e.missing_required = {"name"};
  if (r.chance(400))
    e.fields.push_back(lww("color", r.chance(150) ? nil : value(r)));
  if (r.chance(400)) {
    field_edit f;
    f.name = "aliases";
    f.kind = field_kind::set;
    f.replace = r.chance(200);
    if (f.replace || r.chance(700))
      f.add.push_back(encoded(r.below(4)));
    else
      f.remove.push_back(encoded(r.below(4)));
    e.fields.push_back(std::move(f));
  }
  if (r.chance(400))
    e.fields.push_back(counter("uses", static_cast<int64_t>(r.below(9)) - 4));
  if (r.chance(400)) {
    field_edit f;
    f.name = "notes";
    f.kind = field_kind::map;
    f.keys.emplace_back(std::string(1, static_cast<char>('a' + r.below(3))),
                        r.chance(250) ? nil : value(r));
    e.fields.push_back(std::move(f));
  }
  return e;
}

edit workload::owned_edit(random_source& r) {
  edit e;
  e.cls = record_class::owned;
  const auto n = r.below(plan_.entries + 2);
  e.id = owned_id(node_, n);
  e.model = n < 2 ? "location" : "entry";
  const auto kind = r.below(100);
  if (kind < 12) {
    e.remove = true;
    return e;
  }
  if (kind < 65)
    e.fields.push_back(lww("name", value(r)));
  else
    e.missing_required = {"name"};
  if (n >= 2 && r.chance(500))
    e.fields.push_back(parent("location_id", "location", owned_id(node_, r.below(2))));
  if (n >= 2 && r.chance(600)) {
    auto f = parent("parent_id", "entry", owned_id(node_, 2 + r.below(plan_.entries)));
    if (r.chance(150))
      f.value = nil;
    e.fields.push_back(std::move(f));
  }
  if (r.chance(300))
    e.fields.push_back(lww("size", encoded(r.below(100))));
  return e;
}

std::vector<edit> workload::transfer(random_source& r) {
  const auto from = r.below(account_count);
  const auto to = (from + 1 + r.below(account_count - 1)) % account_count;
  const auto amount = static_cast<int64_t>(1 + r.below(50));
  std::vector<edit> out;
  for (const auto& [n, delta] : {std::pair{from, -amount}, std::pair{to, amount}}) {
    edit e;
    e.model = "account";
    e.id = account_id(n);
    e.fields.push_back(lww("name", encoded(n)));
    e.fields.push_back(counter("balance", delta));
    out.push_back(std::move(e));
  }
  return out;
}

std::vector<edit> workload::draw(random_source& r) {
  if (r.chance(plan_.account_permille))
    return transfer(r);
  std::vector<edit> out;
  const size_t n = r.chance(plan_.batch_permille) ? r.between(2, 5) : 1;
  for (size_t i = 0; i < n; ++i)
    out.push_back(r.chance(plan_.owned_permille) ? owned_edit(r) : tag_edit(r));
  return out;
}

} // namespace shoal::sim
