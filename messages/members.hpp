#pragma once
// The replicated member set of a library: device → entry. It is not in the log; it travels whole in
// Hello and on change, and merges by a rule that depends on no order.

#include "messages/ids.hpp"
#include "messages/reader.hpp"
#include "messages/writer.hpp"

#include <map>

namespace shoal {

struct member {
  uint64_t generation = 1; // a re-admission is a new generation; config entries are generation 1
  bool removed = false;
  bool purge = false;    // drop the records that the removed device owned
  uint64_t revision = 0; // wall ms of the last change of address or name; 0 from config
  std::string address;   // host:port that peers dial; empty when not known
  std::string name;
  auto operator<=>(const member&) const = default;
};

using member_set = std::map<device_id, member>;

/// Folds `other` in: the higher generation wins, then removed beats present; address and name
/// follow the higher revision. Returns true when `into` changed.
bool merge(member_set& into, const member_set& other);
/// Present, not removed.
bool is_member(const member_set& set, const device_id& device);
/// Hash of who is a member (devices, generations, removals; not addresses or names): statements
/// count only together with others made under the same one.
uint64_t membership_hash(const member_set& set);
/// Hash of the devices whose records were dropped with their removal; 0: none.
uint64_t purge_hash(const member_set& set);
/// Hash of everything in the set.
uint64_t hash_of(const member_set& set);

/// Wire form: an array of [device, generation, removed, purge, revision, address, name].
void encode(writer& out, const member_set& set);
member_set read_member_set(reader& in);

} // namespace shoal
