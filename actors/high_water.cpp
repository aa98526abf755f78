#include "actors/high_water.hpp"

#include "config/limits.hpp"
#include "store/small_file.hpp"

namespace shoal {

std::filesystem::path high_water::file_of(const std::filesystem::path& data_dir,
                                          const library_id& id) {
  return data_dir / "marks" / to_string(id);
}

std::optional<hlc> high_water::read() const {
  const auto text = read_small_file(file_);
  if (!text || !*text || (*text)->empty())
    return std::nullopt;
  const auto stamp = parse_hlc(std::string_view(**text).substr(0, (*text)->size() - 1));
  return stamp ? std::optional(*stamp) : std::nullopt;
}

bool high_water::due(uint64_t now_us) const {
  return newest_ != written_
         && (!written_us_ || now_us - *written_us_ >= limits::high_water_ms * 1000);
}

status high_water::settle(uint64_t now_us) {
  if (newest_ == written_)
    return success();
  written_us_ = now_us;
  if (auto kept = replace_file(file_, to_string(newest_) + "\n"); !kept)
    return kept;
  written_ = newest_;
  return success();
}

} // namespace shoal
