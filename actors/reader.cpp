#include "actors/reader.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

caf::behavior range_reader(caf::event_based_actor* self, size_t number) {
  return {
      [=](const read_job& j) {
        protocol::loaded answer{j.what.peer, j.what.stream, j.what.from, {}, false};
        // One snapshot for rows, indexes and frontier: `until` is that of the very state that was
        // read.
        const auto snapshot = j.store->snapshot();
        auto parts = read_range(*snapshot, j.what.stream, j.what.from, j.what.max_bytes);
        if (parts) {
          answer.parts = std::move(*parts);
        } else {
          spdlog::get("store")->error("reader {}: {} after {} for a peer: {}", number,
                                      to_string(j.what.stream), j.what.from, parts.err().message);
          answer.failed = true;
        }
        self->send(j.answer_to, std::move(answer));
      },
  };
}

} // namespace shoal
