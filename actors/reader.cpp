#include "actors/reader.hpp"

#include "config/limits.hpp"
#include "store/sync/compare.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

namespace {

/// One snapshot for rows, indexes and frontier: `until` is that of the very state that was read.
struct answering {
  caf::event_based_actor* self;
  const read_job& job;
  const kv_view& snapshot;

  void fault(const std::string& what, const error& e) const {
    spdlog::get("store")->error("reading {} for a peer: {}", what, e.message);
  }
  void ranges(const device_id& peer, const stream_id& stream, uint64_t from,
              result<std::vector<range>> parts) const {
    const auto forgotten = forgotten_until(snapshot, stream);
    protocol::loaded answer{peer, stream, from, {}, true, 0};
    if (parts && forgotten) {
      answer.parts = std::move(*parts);
      answer.failed = false;
      answer.deletes_from = *forgotten;
    } else {
      fault(to_string(stream) + " after " + std::to_string(from),
            parts ? forgotten.err() : parts.err());
    }
    self->send(job.answer_to, std::move(answer));
  }
  void operator()(const protocol::load& l) const {
    ranges(l.peer, l.stream, l.from,
           read_range(snapshot, l.stream, l.from, l.max_bytes, l.max_ops));
  }
  void operator()(const protocol::load_standing& l) const {
    ranges(l.peer, l.stream, l.from,
           read_standing(snapshot, l.stream, l.from, l.to, limits::range_read_bytes));
  }
  void operator()(const protocol::sum& s) const {
    auto sums = s.for_peer
                    ? sums_of(snapshot, s.stream, s.from, s.to, limits::compared_intervals_at_once)
                    : sums_of(snapshot, s.stream, s.from, s.like);
    protocol::summed answer{s.peer, s.stream, s.from, s.to, s.for_peer, {}, !sums};
    if (sums)
      answer.sums = std::move(*sums);
    else
      fault("checksums of " + to_string(s.stream), sums.err());
    self->send(job.answer_to, std::move(answer));
  }
  void operator()(const verify_local&) const {
    self->send(job.answer_to,
               store_verified{std::make_shared<verify_report>(verify_store(snapshot))});
  }
};

} // namespace

caf::behavior range_reader(caf::event_based_actor* self, size_t) {
  return {
      [=](const read_job& j) {
        const auto snapshot = j.store->snapshot();
        std::visit(answering{self, j, *snapshot}, j.what);
      },
  };
}

} // namespace shoal
