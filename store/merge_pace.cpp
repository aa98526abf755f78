#include "store/merge_pace.hpp"

#include <algorithm>

namespace shoal {

int merge_pace::after(time_point now, size_t names, bool ingested, bool names_known) {
  const std::chrono::duration<double> passed = now - last_;
  last_ = now;
  level_ = std::max(0.0, level_ - passed.count() * names_per_second);
  level_ = std::min(level_ + static_cast<double>(names), names_of_many);
  if (ingested && names > 0) {
    level_ = names_of_many;
    last_ingest_ = now;
  }
  if (level_ >= names_of_many)
    many_ = true;
  else if (level_ < names_of_many / 2)
    many_ = false;
  many_ = many_ && names_known;
  if (!many_)
    return tables_merged_at;
  return now - last_ingest_ < rest ? tables_merged_at_ingests : tables_merged_at_batches;
}

} // namespace shoal
