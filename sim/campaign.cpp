#include "sim/campaign.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace shoal::sim {

static void add(campaign_result& sum, const verdict& v) {
  ++sum.seeds;
  sum.events += v.events;
  sum.acknowledged_ops += v.acknowledged_ops;
  sum.virtual_us += v.virtual_us;
  for (size_t i = 0; i < fault_count; ++i)
    sum.seen.faults[i] += v.seen.faults[i];
  for (size_t i = 0; i < situation_count; ++i)
    sum.seen.situations[i] += v.seen.situations[i] > 0 ? 1 : 0;
}

campaign_result
run(const campaign& c,
    const std::function<void(uint64_t done, uint64_t seed, const failed_seed*)>& progress) {
  const auto begin = std::chrono::steady_clock::now();
  campaign_result sum;
  std::atomic<uint64_t> next = c.from;
  std::atomic<bool> enough = false;
  std::mutex one_at_a_time;
  const auto work = [&] {
    for (uint64_t seed = next++; seed <= c.to && !enough; seed = next++) {
      const auto p = make_plan(seed, c.nodes, c.steps);
      const auto v = world(p, c.planted).run();
      const std::scoped_lock lock(one_at_a_time);
      add(sum, v);
      const failed_seed* failed = nullptr;
      if (v.found)
        failed = &sum.failures.emplace(seed, failed_seed{*v.found, to_string(p)}).first->second;
      enough = enough || (c.stop_at_first && failed);
      if (progress)
        progress(sum.seeds, seed, failed);
    }
  };
  const auto cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  const auto wanted = std::min<uint64_t>(c.threads == 0 ? cores : c.threads, c.to - c.from + 1);
  std::vector<std::thread> threads;
  for (uint64_t i = 1; i < wanted; ++i)
    threads.emplace_back(work);
  work();
  for (auto& t : threads)
    t.join();
  if (sum.seeds >= seeds_for_situations) {
    for (size_t i = 0; i < fault_count; ++i)
      if (sum.seen.faults[i] == 0)
        sum.unseen.emplace_back(to_string(static_cast<fault>(i)));
    for (size_t i = 0; i < situation_count; ++i)
      if (const auto s = static_cast<situation>(i); must_occur(s) && sum.seen[s] == 0)
        sum.unseen.emplace_back(to_string(s));
  }
  sum.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return sum;
}

} // namespace shoal::sim
