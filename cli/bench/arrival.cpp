// shoal bench catchup and backfill: from a node's process start until it is level, after it was
// away, and when it is new.

#include "cli/bench/bench_lab.hpp"
#include "cli/bench/benches.hpp"
#include "cli/bench/floor.hpp"
#include "cli/bench/interrupt.hpp"

#include <cmath>

namespace shoal::cli::bench {

namespace {

/// What one run found.
struct arrival {
  double seconds = 0;
  double bytes = 0; // of frames that the others sent meanwhile
  double memory_mib = 0;
  double peak_mib = 0;
};

/// Settled, and at or beyond `target` in every stream.
bool reached(const json& said, const json& target) {
  if (!said.value("settled", false))
    return false;
  const auto& held = said["frontiers"];
  for (const auto& [stream, seq] : target.items()) {
    const auto at = held.find(stream);
    if (at == held.end() || at->get<uint64_t>() < seq.get<uint64_t>())
      return false;
  }
  return true;
}

/// Polls until `met`; an error after ten minutes or when a signal came.
template <class Met>
status await_true(Met met, const std::string& what) {
  const auto deadline = clock::now() + std::chrono::minutes(10);
  for (;;) {
    const result<bool> now = met();
    if (!now)
      return now.err();
    if (*now)
      return success();
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    if (clock::now() > deadline)
      return error{ec::timed_out, what + " took more than ten minutes"};
    short_pause();
  }
}

/// Frames sent by the first `nodes` nodes, in bytes.
result<double> bytes_sent(const bench_lab& lab, size_t nodes) {
  double sum = 0;
  for (size_t n = 0; n < nodes; ++n) {
    const auto sent = lab.metric(n, "shoal_bytes_sent_total");
    if (!sent)
      return sent.err();
    sum += *sent;
  }
  return sum;
}

/// Starts node `n` and waits until it holds all that node 0 held before.
/// `holders`: the nodes that run.
result<arrival> arrive(bench_lab& lab, size_t n, size_t holders) {
  const auto sent_before = bytes_sent(lab, holders);
  if (!sent_before)
    return sent_before.err();
  const auto before = lab.digest(0);
  if (!before)
    return before.err();
  const auto target = (*before)["frontiers"];
  const auto begin = clock::now();
  if (auto launched = lab.launch(n); !launched)
    return launched.err();
  if (auto up = await_true([&]() -> result<bool> { return lab.accepts(n); }, "a node's start"); !up)
    return up.err();
  auto to = lab.pipe(n);
  if (!to)
    return to.err();
  auto level = await_true(
      [&]() -> result<bool> {
        const auto said = to->ask("GET", lab_path("/digest"));
        if (!said)
          return said.err();
        return reached(json::parse(*said, nullptr, false), target);
      },
      "coming level");
  if (!level)
    return level.err();
  arrival out;
  out.seconds = us_since(begin) / 1e6;
  const auto sent = bytes_sent(lab, holders);
  if (!sent)
    return sent.err();
  out.bytes = *sent - *sent_before;
  out.memory_mib = lab.memory_mib(n);
  out.peak_mib = lab.memory_mib(n, "VmHWM");
  // Not part of the time: that level means equal.
  auto equal = await_true(
      [&]() -> result<bool> {
        const auto here = lab.digest(n);
        const auto there = lab.digest(0);
        if (!here || !there)
          return here ? there.err() : here.err();
        return (*here)["digest"] == (*there)["digest"];
      },
      "an equal digest");
  if (!equal)
    return equal.err();
  return out;
}

result<json> summary(const bench_request& asked, const std::vector<arrival>& runs,
                     const std::vector<double>& streams, const std::vector<double>& tables) {
  samples times;
  std::vector<double> bytes;
  std::vector<double> peak;
  std::vector<double> memory;
  for (const auto& r : runs) {
    times.add(r.seconds * 1e6);
    bytes.push_back(r.bytes);
    peak.push_back(r.peak_mib);
    memory.push_back(r.memory_mib);
  }
  const auto records = static_cast<double>(asked.records);
  const double least_tables = median(tables);
  const double least_stream = median(streams);
  json out;
  out["runs"] = runs.size();
  out["floor"] = {{"p50", rounded(least_tables * 1e6)},
                  {"per_second", std::round(records / least_tables)},
                  {"stream_p50", rounded(least_stream * 1e6)},
                  {"stream_per_second", std::round(records / least_stream)}};
  out["results"] = times.summary();
  const double p50 = out["results"]["p50"].get<double>();
  out["results"]["per_second"] = std::round(records / (p50 / 1e6));
  out["results"]["records"] = asked.records;
  out["results"]["wire_bytes_per_record"] = rounded(median(bytes) / records);
  out["results"]["memory_mib"] = median(memory);
  out["results"]["peak_mib"] = median(peak);
  const double ratio = std::round(p50 / (least_tables * 1e6) * 100) / 100;
  out["ratio"] = ratio;
  out["ratios"] = {{"p50", ratio},
                   {"stream_p50", std::round(p50 / (least_stream * 1e6) * 100) / 100}};
  return out;
}

/// Both floors, once.
status add_floors(const bench_request& asked, std::vector<double>& streams,
                  std::vector<double>& tables) {
  const auto stream = floor_stream(asked.scratch, asked.records);
  if (!stream)
    return stream.err();
  const auto table = floor_tables(asked.scratch, asked.records);
  if (!table)
    return table.err();
  streams.push_back(*stream);
  tables.push_back(*table);
  return success();
}

} // namespace

result<json> bench_catchup(const bench_request& asked) {
  auto lab = bench_lab::make(asked.scratch, asked.nodes);
  if (!lab)
    return lab.err();
  asked.note("starting " + std::to_string(asked.nodes) + " nodes");
  if (auto up = (*lab)->start(0, asked.nodes); !up)
    return up.err();
  const size_t away = asked.nodes - 1;
  std::vector<arrival> runs;
  std::vector<double> streams;
  std::vector<double> tables;
  const auto begin = clock::now();
  for (size_t run = 0; run < asked.runs && (run == 0 || us_since(begin) < asked.seconds * 1e6);
       ++run) {
    asked.note("run " + std::to_string(run + 1) + " of " + std::to_string(asked.runs)
               + ": writing what one node misses");
    if (auto level = (*lab)->await_peers(0, asked.nodes - 1); !level)
      return level.err();
    if (auto done = (*lab)->stop(away); !done)
      return done.err();
    if (auto full = (*lab)->fill(0, asked.model, asked.records, run + 1); !full)
      return full.err();
    if (auto level = (*lab)->await_peers(0, asked.nodes - 2); !level)
      return level.err();
    if (auto least = add_floors(asked, streams, tables); !least)
      return least.err();
    const auto came = arrive(**lab, away, away);
    if (!came)
      return came.err();
    runs.push_back(*came);
  }
  return summary(asked, runs, streams, tables);
}

result<json> bench_backfill(const bench_request& asked) {
  // One newcomer for each run: members from the start that have not been started before.
  const size_t holders = asked.nodes - 1;
  auto lab = bench_lab::make(asked.scratch, holders + asked.runs);
  if (!lab)
    return lab.err();
  asked.note("starting " + std::to_string(holders) + " nodes and writing "
             + std::to_string(asked.records) + " records");
  if (auto up = (*lab)->start(0, holders); !up)
    return up.err();
  if (auto full = (*lab)->fill(0, asked.model, asked.records, 1); !full)
    return full.err();
  if (auto level = (*lab)->await_peers(0, holders - 1); !level)
    return level.err();
  std::vector<arrival> runs;
  std::vector<double> streams;
  std::vector<double> tables;
  std::vector<double> disk;
  const auto begin = clock::now();
  for (size_t run = 0; run < asked.runs && (run == 0 || us_since(begin) < asked.seconds * 1e6);
       ++run) {
    asked.note("run " + std::to_string(run + 1) + " of " + std::to_string(asked.runs));
    if (auto least = add_floors(asked, streams, tables); !least)
      return least.err();
    const size_t newcomer = holders + run;
    const auto came = arrive(**lab, newcomer, holders);
    if (!came)
      return came.err();
    runs.push_back(*came);
    if (auto done = (*lab)->stop(newcomer); !done)
      return done.err();
    disk.push_back(static_cast<double>((*lab)->store_bytes(newcomer)));
    std::error_code ignored;
    std::filesystem::remove_all((*lab)->folder(newcomer) / "data", ignored);
  }
  auto out = summary(asked, runs, streams, tables);
  if (out)
    (*out)["results"]["disk_bytes_per_record"] =
        rounded(median(disk) / static_cast<double>(asked.records));
  return out;
}

} // namespace shoal::cli::bench
