#include "sim/shrink.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace shoal::sim {

namespace {

class shrinker {
public:
  shrinker(const plan& p, const sabotage& planted, uint64_t runs_max)
      : planted_(planted), runs_max_(runs_max) {
    best_.planned = p;
  }

  std::optional<shrunk> run() {
    const auto whole = world(best_.planned, planted_).run();
    if (!whole.found)
      return std::nullopt;
    best_.found = *whole.found;
    best_.part = {{whole.script.begin(), whole.script.end()}, whole.times, {}};
    // A run by times instead of steps is not always the same run to the end.
    if (!still_fails(best_.planned, best_.part))
      return finish(nullptr);
    reduce();
    drop_nodes();
    calm_down();
    reduce();
    return finish(&best_.part);
  }

private:
  /// Takes it over as the shortest so far if it fails for the same checker.
  bool still_fails(const plan& p, const excerpt& part) {
    if (best_.runs >= runs_max_)
      return false;
    ++best_.runs;
    auto v = world(p, planted_, &part).run();
    if (!v.found || v.found->checker != best_.found.checker)
      return false;
    best_.planned = p;
    best_.part = part;
    std::erase_if(best_.part.only, [&](const happening& h) {
      return std::find(v.script.begin(), v.script.end(), h) == v.script.end();
    });
    best_.found = std::move(*v.found);
    return true;
  }

  /// ddmin: leaves out ever smaller pieces.
  void reduce() {
    for (size_t pieces = 2; !best_.part.only.empty() && best_.runs < runs_max_;) {
      const std::vector<happening> all(best_.part.only.begin(), best_.part.only.end());
      pieces = std::min(pieces, all.size());
      bool shorter = false;
      for (size_t i = 0; i < pieces && !shorter; ++i) {
        auto part = best_.part;
        for (size_t n = all.size() * i / pieces; n < all.size() * (i + 1) / pieces; ++n)
          part.only.erase(all[n]);
        shorter = still_fails(best_.planned, part);
      }
      if (shorter)
        pieces = std::max<size_t>(2, pieces - 1);
      else if (pieces == all.size())
        return;
      else
        pieces *= 2;
    }
  }

  /// Only where all can reach each other without it: else nothing would ever be level.
  void drop_nodes() {
    if (best_.planned.shape != topology::mesh)
      return;
    for (size_t n = 0; n < best_.planned.nodes; ++n) {
      if (best_.planned.nodes - best_.part.absent.size() <= 2)
        return;
      auto part = best_.part;
      part.absent.insert(n);
      (void)still_fails(best_.planned, part);
    }
  }

  /// What the plan has going on all the time.
  void calm_down() {
    using change = void (*)(plan&);
    static constexpr std::array<change, 8> changes{
        [](plan& p) { p.lose = p.duplicate = p.reorder = 0; },
        [](plan& p) { p.newer = 0; },
        [](plan& p) { p.jitter_us = 0; },
        [](plan& p) { p.drift_ppm = 0; },
        [](plan& p) { p.stall_permille = 0; },
        [](plan& p) { p.batch_window_us = 0; },
        [](plan& p) { p.ring_bytes = size_t{4} << 20; },
        [](plan& p) { p.value_bytes = 1; },
    };
    for (const auto& apply : changes) {
      auto p = best_.planned;
      apply(p);
      (void)still_fails(p, best_.part);
    }
  }

  shrunk finish(const excerpt* part) {
    best_.lines.clear();
    if (auto v = world(best_.planned, planted_, part, &best_.lines).run(); v.found)
      best_.found = std::move(*v.found);
    return std::move(best_);
  }

  const sabotage& planted_;
  uint64_t runs_max_;
  shrunk best_;
};

} // namespace

std::optional<shrunk> shrink(const plan& p, const sabotage& planted, uint64_t runs_max) {
  return shrinker(p, planted, runs_max).run();
}

std::string text_of(const trace_lines& lines, bool only_outside) {
  std::string out;
  for (const auto& l : lines) {
    if (only_outside && !l.from_outside)
      continue;
    char when[32];
    std::snprintf(when, sizeof when, "%12.3f", static_cast<double>(l.at_us) / 1000);
    out += std::string(when) + (l.from_outside ? " * " : "   ") + l.text + "\n";
  }
  return out;
}

} // namespace shoal::sim
