#include "actors/op_times.hpp"

#include <algorithm>

namespace shoal {

void timeline::note(const stream_id& stream, uint64_t from, uint64_t to, uint64_t wall_ms) {
  if (forgotten_.size() >= kept && !forgotten_.contains(stream)) {
    // More streams than an honest library has of late: whoever made them up gains nothing.
    forgotten_.clear();
    moments_.clear();
  }
  if (const auto known = forgotten_.try_emplace(stream, from).first->second; known >= to)
    return;
  const auto before = std::find_if(moments_.rbegin(), moments_.rend(), [&](const moment& m) {
    return m.stream == stream || m.wall_ms != wall_ms;
  });
  if (before != moments_.rend() && before->stream == stream) {
    if (before->to >= to)
      return; // told before
    if (before->wall_ms == wall_ms) {
      before->to = to;
      return;
    }
  }
  moments_.push_back({stream, to, wall_ms});
  if (moments_.size() <= kept)
    return;
  forgotten_[moments_.front().stream] = moments_.front().to;
  moments_.pop_front();
}

std::optional<uint64_t> timeline::when(const stream_id& stream, uint64_t seq) const {
  if (const auto it = forgotten_.find(stream); it == forgotten_.end() || it->second >= seq)
    return std::nullopt;
  for (const auto& m : moments_)
    if (m.stream == stream && m.to >= seq)
      return m.wall_ms;
  return std::nullopt;
}

api::op_trace op_times::trace(const stream_id& stream, uint64_t seq) const {
  api::op_trace out;
  out.stream = stream;
  out.seq = seq;
  out.received_ms = received.when(stream, seq);
  out.durable_ms = durable.when(stream, seq);
  for (const auto& [device, times] : peers)
    out.members.push_back(
        {device, times.sent.when(stream, seq), times.durable.when(stream, seq), false});
  return out;
}

} // namespace shoal
