// shoal bench broadcast: how long until all peers hold a write durably.

#include "cli/bench/bench_lab.hpp"
#include "cli/bench/benches.hpp"
#include "cli/bench/floor.hpp"
#include "cli/bench/interrupt.hpp"
#include "cli/bench/record_maker.hpp"

#include <cmath>
#include <limits>

namespace shoal::cli::bench {

namespace {

/// Of each write: until it is durable at its origin, from then on until all peers hold it, and
/// both.
struct spans {
  samples commit;
  samples spread;
  samples whole;
  double seconds = 0;
};

/// Calls `write`, which notes one write's spans, until the time or the number is up.
template <class Write>
status write_until(const bench_request& asked, spans& into, Write write) {
  const auto most = asked.records == 0 ? std::numeric_limits<uint64_t>::max() : asked.records;
  const auto begin = clock::now();
  for (uint64_t n = 0; n < most && (n == 0 || us_since(begin) < asked.seconds * 1e6); ++n) {
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    if (auto done = write(); !done)
      return done;
  }
  into.seconds = us_since(begin) / 1e6;
  return success();
}

void note(spans& into, clock::time_point begun, clock::time_point committed) {
  const auto held = clock::now();
  into.commit.add(us_between(begun, committed));
  into.spread.add(us_between(committed, held));
  into.whole.add(us_between(begun, held));
}

result<spans> floor_run(const bench_request& asked) {
  auto mesh = floor_mesh::start(asked.scratch, asked.nodes - 1);
  if (!mesh)
    return mesh.err();
  record_maker make(asked.model, 1);
  const auto record = make.digits(record_bytes);
  spans out;
  auto done = write_until(asked, out, [&]() -> status {
    const auto begun = clock::now();
    if (auto made = (*mesh)->commit(record); !made)
      return made;
    const auto committed = clock::now();
    if (auto sent = (*mesh)->offer(record); !sent)
      return sent;
    if (auto held = (*mesh)->await_acks(0); !held)
      return held;
    note(out, begun, committed);
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

result<spans> shoal_run(const bench_request& asked, const bench_lab& lab, uint64_t seed) {
  auto to = lab.pipe(0);
  if (!to)
    return to.err();
  record_maker make(asked.model, seed);
  spans out;
  auto done = write_until(asked, out, [&]() -> status {
    const auto put =
        to->request("PUT", lab_path("/records/" + make.model() + "/" + make.id()), make.fields());
    const auto begun = clock::now();
    if (auto sent = to->send(put); !sent)
      return sent;
    const auto made = to->receive();
    if (!made)
      return made.err();
    const auto committed = clock::now();
    const auto token = text_member(made->body, "token");
    if (made->status != 200 || token.empty())
      return error{ec::unavailable, "a write was answered " + made->body.substr(0, 300)};
    const auto held =
        to->ask("GET", lab_path("/wait?peers=all&timeout=30&for=" + std::string(token)));
    if (!held)
      return held.err();
    note(out, begun, committed);
    return success();
  });
  if (!done)
    return done.err();
  return out;
}

json summary(const spans& s) {
  json out = s.spread.summary();
  out["per_second"] = rounded(static_cast<double>(s.whole.count()) / s.seconds);
  out["writes"] = s.whole.count();
  const auto more = [&](const char* name, const samples& of) {
    out[std::string(name) + "_p50"] = rounded(of.quantile(0.5));
    out[std::string(name) + "_p99"] = rounded(of.quantile(0.99));
  };
  more("commit", s.commit);
  more("whole", s.whole);
  return out;
}

double ratio(const json& results, const json& floor, const char* name) {
  const double least = floor[name].get<double>();
  return least > 0 ? std::round(results[name].get<double>() / least * 100) / 100 : 0;
}

} // namespace

result<json> bench_broadcast(const bench_request& asked) {
  auto lab = bench_lab::make(asked.scratch, asked.nodes);
  if (!lab)
    return lab.err();
  asked.note("starting " + std::to_string(asked.nodes) + " nodes");
  if (auto up = (*lab)->start(0, asked.nodes); !up)
    return up.err();
  std::vector<json> floors;
  std::vector<json> results;
  spans all_floor;
  spans all;
  for (size_t run = 0; run < asked.runs; ++run) {
    asked.note("run " + std::to_string(run + 1) + " of " + std::to_string(asked.runs));
    // Before the floor as well: nodes that still look for each other would disturb it.
    if (auto level = (*lab)->await_peers(0, asked.nodes - 1); !level)
      return level.err();
    const auto floor = floor_run(asked);
    if (!floor)
      return floor.err();
    const auto shoal = shoal_run(asked, **lab, run + 1);
    if (!shoal)
      return shoal.err();
    floors.push_back(summary(*floor));
    results.push_back(summary(*shoal));
    all_floor.spread.add(floor->spread);
    all_floor.whole.add(floor->whole);
    all.spread.add(shoal->spread);
    all.whole.add(shoal->whole);
  }
  json out;
  out["runs"] = results.size();
  out["floor"] = medians(floors);
  out["results"] = medians(results);
  out["ratios"] = json::object();
  for (const char* name : {"p50", "p99", "whole_p50", "whole_p99"})
    out["ratios"][name] = ratio(out["results"], out["floor"], name);
  out["ratio"] = out["ratios"]["p50"];
  out["floor"]["distribution"] = all_floor.whole.distribution();
  out["results"]["distribution"] = all.whole.distribution();
  out["results"]["memory_mib"] = (*lab)->memory_mib(0);
  return out;
}

} // namespace shoal::cli::bench
