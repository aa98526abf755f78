#pragma once
// What a protocol step asked for, by kind.

#include "actors/protocol/replicator.hpp"

namespace shoal::sim {

inline protocol::settings settings_of(const device_id& self) {
  protocol::settings s;
  s.self = self;
  return s;
}
/// The effects of one kind, in order.
template <class Effect>
std::vector<Effect> all_of(const protocol::effects& out) {
  std::vector<Effect> found;
  for (const auto& e : out)
    if (const auto* x = std::get_if<Effect>(&e))
      found.push_back(*x);
  return found;
}
/// The messages of one kind, in order, whoever they go to.
template <class Message>
std::vector<Message> sent(const protocol::effects& out) {
  std::vector<Message> found;
  for (const auto& s : all_of<protocol::send>(out))
    if (const auto* m = std::get_if<Message>(&s.body))
      found.push_back(*m);
  return found;
}

} // namespace shoal::sim
