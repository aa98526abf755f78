#pragma once
// The high-water mark of a library's store: the newest stamp it had, kept outside of it. A store
// whose clock is behind its mark lost its end: an older copy was restored, or its log was cut.
//
// On disk: DATA/marks/ID, the stamp's text and a newline. Stamps only grow (one per op), so one
// number says it for all streams.

#include "messages/error.hpp"
#include "messages/hlc.hpp"

#include <filesystem>
#include <optional>

namespace shoal {

class high_water {
public:
  static std::filesystem::path file_of(const std::filesystem::path& data_dir, const library_id& id);

  high_water() = default;
  explicit high_water(std::filesystem::path file) : file_(std::move(file)) {}

  /// The mark on disk; nothing when there is none, or none that makes sense.
  std::optional<hlc> read() const;

  /// After a commit.
  void reached(const hlc& stamp) { newest_ = stamp; }
  /// Whether it is time to `settle`: after the first commit of a start, later at most once a
  /// second. What the mark lags behind, peers notice.
  bool due(uint64_t now_us) const;
  /// Durable now: two syncs.
  status settle(uint64_t now_us);

private:
  std::filesystem::path file_;
  hlc newest_;
  hlc written_;
  std::optional<uint64_t> written_us_;
};

} // namespace shoal
