#include "messages/members.hpp"

#include "messages/frontier.hpp"

#include <tuple>

namespace shoal {

bool merge(member_set& into, const member_set& other) {
  bool changed = false;
  for (const auto& [device, theirs] : other) {
    auto [it, fresh] = into.try_emplace(device, theirs);
    changed |= fresh;
    if (fresh)
      continue;
    auto& mine = it->second;
    const member before = mine;
    if (theirs.generation > mine.generation) {
      mine = theirs;
    } else if (theirs.generation == mine.generation) {
      mine.removed |= theirs.removed;
      mine.purge |= theirs.purge;
      if (std::tie(theirs.revision, theirs.address, theirs.name)
          > std::tie(mine.revision, mine.address, mine.name)) {
        mine.revision = theirs.revision;
        mine.address = theirs.address;
        mine.name = theirs.name;
      }
    }
    changed |= mine != before;
  }
  return changed;
}

bool is_member(const member_set& set, const device_id& device) {
  const auto it = set.find(device);
  return it != set.end() && !it->second.removed;
}

uint64_t membership_hash(const member_set& set) {
  std::string raw;
  writer w(raw);
  for (const auto& [device, m] : set) {
    w.bin(device.view());
    w.uint(m.generation);
    w.boolean(m.removed);
  }
  return fnv1a(raw);
}

uint64_t purge_hash(const member_set& set) {
  std::string raw;
  writer w(raw);
  for (const auto& [device, m] : set)
    if (m.removed && m.purge) {
      w.bin(device.view());
      w.uint(m.generation);
    }
  return raw.empty() ? 0 : fnv1a(raw);
}

uint64_t hash_of(const member_set& set) {
  std::string raw;
  writer w(raw);
  encode(w, set);
  return fnv1a(raw);
}

void encode(writer& out, const member_set& set) {
  out.array(set.size());
  for (const auto& [device, m] : set) {
    out.array(7);
    out.bin(device.view());
    out.uint(m.generation);
    out.boolean(m.removed);
    out.boolean(m.purge);
    out.uint(m.revision);
    out.str(m.address);
    out.str(m.name);
  }
}

member_set read_member_set(reader& in) {
  member_set set;
  const size_t n = in.array(wire_limits::members, "members");
  for (size_t i = 0; i < n && !in.failed(); ++i) {
    const size_t items = in.array(64, "member");
    if (items < 7)
      in.fail(ec::bad_value, "member");
    const auto device = in.id<device_id>("member device");
    member m;
    m.generation = in.uint("member generation");
    m.removed = in.boolean("member removed");
    m.purge = in.boolean("member purge");
    m.revision = in.uint("member revision");
    m.address = in.str(wire_limits::text_bytes, "member address");
    m.name = in.str(wire_limits::text_bytes, "member name");
    for (size_t k = 7; k < items && !in.failed(); ++k)
      in.skip("member");
    in.charge(sizeof(member_set::value_type) + map_node_bytes + m.address.size() + m.name.size(),
              "members");
    if (in.failed())
      break;
    if (!set.empty() && device <= set.rbegin()->first)
      in.fail(ec::duplicate_key, "members");
    else
      set.emplace_hint(set.end(), device, std::move(m));
  }
  return set;
}

} // namespace shoal
