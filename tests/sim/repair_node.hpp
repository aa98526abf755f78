#pragma once
// A replica that takes what a peer holds and mends what differs, and the edits that stories of that
// are made of.

#include "store/sync/compare.hpp"
#include "store/sync/records.hpp"
#include "store/sync/verify.hpp"
#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::sim::repair_stories {

constexpr uint64_t wall = 1'700'000'000'000;
constexpr uint64_t later = wall + 1000; // every mark is older than that
const stream_id stream{device_of(0), 7};

struct node : lone_replica {
  using lone_replica::lone_replica;
  void write(std::vector<edit> edits) {
    auto done = in_group([&](kv_transaction& txn) { return data->commit(txn, edits, wall); });
    BOOST_REQUIRE_MESSAGE(done.ok(), (done ? "" : done.err().message));
  }
  void take(const node& from) {
    for (const auto& [s, seq] : from.data->held())
      for (;;) {
        auto parts = *read_range(from.disk, s, seq_of(data->held(), s), 1 << 20, 1000);
        if (parts.empty())
          break;
        const auto done =
            in_group([&](kv_transaction& txn) { return data->apply(txn, parts, wall); });
        BOOST_REQUIRE((done.ok() && *done == applied_as::applied));
      }
  }
  uint64_t prune_marks(uint64_t before = later) {
    return *in_group(
        [&](kv_transaction& txn) { return data->prune_marks(txn, data->held(), before, 100); });
  }
  replica::repair_outcome repair_from(const node& peer, repair_goal goal, const stream_id& of,
                                      uint64_t from, uint64_t to) {
    auto parts = *read_standing(peer.disk, of, from, to, 1 << 20);
    return *in_group([&](kv_transaction& txn) { return data->repair(txn, parts, goal, wall); });
  }
  uint64_t repair_from(const node& peer, bool adopt) {
    return repair_from(peer, adopt ? repair_goal::adopt : repair_goal::unite, stream, 0,
                       seq_of(data->held(), stream))
        .changed;
  }
  std::vector<interval_sum> sums(size_t intervals = 100) const {
    return *sums_of(disk, stream, 0, seq_of(data->held(), stream), intervals);
  }
  uint64_t problems() const { return verify_store(disk).problems; }
  bool has(const char* model, uint64_t n) const {
    const bool shared = std::string(model) == "tag";
    auto r = *get_record(disk, shared ? record_class::shared : record_class::owned, model,
                         shared ? tag_id(n) : owned_id(0, n));
    return r && !r->deleted;
  }
};

inline edit tag(uint64_t n, uint64_t value) {
  edit e;
  e.model = "tag";
  e.id = tag_id(n);
  e.fields = {lww("name", encoded(value))};
  return e;
}
inline edit owned(const char* model, uint64_t n, std::vector<field_edit> fields = {}) {
  edit e;
  e.cls = record_class::owned;
  e.model = model;
  e.id = owned_id(0, n);
  e.fields = std::move(fields);
  e.fields.push_back(lww("name", encoded("x")));
  return e;
}
inline edit without(edit e) {
  e.fields.clear();
  e.remove = true;
  return e;
}
inline op delete_of(const char* model, const record_id& id, uint64_t seq) {
  op o;
  o.cls = record_class::owned;
  o.model = model;
  o.id = id;
  o.kind = op_kind::remove;
  o.seq = seq;
  o.stamp = {wall + 1000, 0, device_of(0)};
  return o;
}
inline edit update(edit e) {
  e.missing_required = {"other"};
  return e;
}
inline field_edit changed(const char* name, field_kind kind) {
  field_edit f;
  f.name = name;
  f.kind = kind;
  return f;
}
inline edit full_tag(uint64_t n) {
  auto e = tag(n, n);
  auto aliases = changed("aliases", field_kind::set);
  aliases.add = {encoded("one"), encoded("two")};
  auto notes = changed("notes", field_kind::map);
  notes.keys = {{"a", encoded("1")}, {"b", encoded("2")}};
  e.fields.insert(e.fields.end(), {lww("color", encoded("red")), aliases, notes});
  return e;
}
/// A field, an element and a key of it.
inline edit clearing(uint64_t n) {
  auto e = update(tag(n, n));
  auto aliases = changed("aliases", field_kind::set);
  aliases.remove = {encoded("one")};
  auto notes = changed("notes", field_kind::map);
  notes.keys = {{"a", "\xc0"}};
  e.fields = {lww("color", "\xc0"), aliases, notes};
  return e;
}

} // namespace shoal::sim::repair_stories
