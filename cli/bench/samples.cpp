#include "cli/bench/samples.hpp"

#include <algorithm>
#include <cmath>

namespace shoal::cli::bench {

double rounded(double value) { return std::round(value * 10) / 10; }

const std::vector<double>& samples::sorted() const {
  if (sorted_ != all_.size()) {
    std::sort(all_.begin(), all_.end());
    sorted_ = all_.size();
  }
  return all_;
}

double samples::quantile(double share) const {
  const auto& all = sorted();
  if (all.empty())
    return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(all.size())));
  return all[std::clamp<size_t>(rank, 1, all.size()) - 1];
}

json samples::summary() const {
  return {{"p50", rounded(quantile(0.5))},
          {"p99", rounded(quantile(0.99))},
          {"max", rounded(quantile(1))}};
}

json samples::distribution() const {
  json out = json::array();
  if (all_.empty())
    return out;
  for (int percent = 0; percent <= 99; ++percent)
    out.push_back({percent / 100.0, rounded(quantile(percent / 100.0))});
  for (const double share : {0.995, 0.999, 0.9999, 1.0})
    out.push_back({share, rounded(quantile(share))});
  return out;
}

double median(std::vector<double> values) {
  if (values.empty())
    return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

json medians(const std::vector<json>& runs) {
  json out = json::object();
  if (runs.empty())
    return out;
  for (const auto& [name, value] : runs.front().items()) {
    std::vector<double> all;
    for (const auto& run : runs)
      if (const auto at = run.find(name); at != run.end() && at->is_number())
        all.push_back(at->get<double>());
    if (all.size() == runs.size())
      out[name] = median(std::move(all));
    else
      out[name] = value;
  }
  return out;
}

} // namespace shoal::cli::bench
