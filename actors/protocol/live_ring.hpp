#pragma once
// The newest complete ranges of every stream, encoded, so that a link which lags a little is served
// without reading the store. Only a cache: what fell out is loaded.

#include "messages/message.hpp"

#include <algorithm>
#include <deque>

namespace shoal::protocol {

class live_ring {
public:
  explicit live_ring(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// `r` is complete: it has no `until`, and its log part is whole.
  void add(range r) {
    auto& entries = streams_[r.stream];
    if (!entries.empty() && entries.back().to != r.from)
      drop(r.stream); // only an unbroken run is of use
    bytes_ += r.ops.size();
    order_.push_back(r.stream);
    streams_[r.stream].push_back(std::move(r));
    while (bytes_ > max_bytes_ && order_.size() > 1) {
      const auto oldest = order_.front();
      order_.pop_front();
      if (auto it = streams_.find(oldest); it != streams_.end() && !it->second.empty()) {
        bytes_ -= it->second.front().ops.size();
        it->second.pop_front();
        if (it->second.empty())
          streams_.erase(it);
      }
    }
  }

  /// The ranges of `stream` that follow on `from`, joined to one of at most `max_bytes` and
  /// `max_ops` (one range at least), or nothing.
  std::optional<range> collect(const stream_id& stream, uint64_t from, size_t max_bytes,
                               size_t max_ops) const {
    const auto it = streams_.find(stream);
    if (it == streams_.end())
      return std::nullopt;
    const auto& entries = it->second;
    auto at = std::upper_bound(entries.begin(), entries.end(), from,
                               [](uint64_t seq, const range& r) { return seq < r.to; });
    if (at == entries.end() || at->from > from)
      return std::nullopt;
    range out = *at;
    for (++at; at != entries.end(); ++at) {
      if (out.ops.size() + at->ops.size() > max_bytes || out.count + at->count > max_ops)
        break;
      out.ops += at->ops;
      out.count += at->count;
      out.to = at->to;
    }
    return out;
  }

  void clear() {
    streams_.clear();
    order_.clear();
    bytes_ = 0;
  }

private:
  void drop(const stream_id& stream) {
    for (const auto& r : streams_[stream])
      bytes_ -= r.ops.size();
    streams_.erase(stream);
    std::erase(order_, stream);
  }

  size_t max_bytes_;
  size_t bytes_ = 0;
  std::map<stream_id, std::deque<range>> streams_;
  std::deque<stream_id> order_; // one entry per range, oldest first
};

} // namespace shoal::protocol
