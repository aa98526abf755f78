// shoal bench throughput and writes: how much one node takes, alone and until all peers hold it.

#include "cli/bench/bench_lab.hpp"
#include "cli/bench/benches.hpp"
#include "cli/bench/floor.hpp"
#include "cli/bench/interrupt.hpp"
#include "cli/bench/record_maker.hpp"

#include <cmath>
#include <limits>

namespace shoal::cli::bench {

namespace {

constexpr size_t batches_under_way = 2; // so that the node never waits for the next

double two_digits(double value) { return std::round(value * 100) / 100; }

json rate(uint64_t records, double seconds) {
  return {{"per_second", std::round(static_cast<double>(records) / seconds)},
          {"records", records},
          {"seconds", std::round(seconds * 1000) / 1000}};
}

void add_ratio(json& out) {
  const double mine = out["results"]["per_second"].get<double>();
  const double ratio = mine > 0 ? two_digits(out["floor"]["per_second"].get<double>() / mine) : 0;
  out["ratio"] = ratio;
  out["ratios"] = {{"per_second", ratio}};
}

/// Batches, synced at each peer as they come; the origin goes on meanwhile.
result<json> floor_throughput(const bench_request& asked) {
  auto mesh = floor_mesh::start(asked.scratch, asked.nodes - 1);
  if (!mesh)
    return mesh.err();
  record_maker make(asked.model, 1);
  const auto batch = make.digits(record_bytes * asked.batch);
  constexpr size_t window = 8; // batches that a peer may owe
  const auto begin = clock::now();
  for (uint64_t left = asked.records; left > 0;) {
    const auto now = std::min(left, asked.batch);
    const auto bytes = std::string_view(batch).substr(0, now * record_bytes);
    if (auto made = (*mesh)->commit(bytes); !made)
      return made.err();
    if (auto sent = (*mesh)->offer(bytes); !sent)
      return sent.err();
    if (auto held = (*mesh)->await_acks(window * (asked.nodes - 1)); !held)
      return held.err();
    left -= now;
  }
  if (auto held = (*mesh)->await_acks(0); !held)
    return held.err();
  return rate(asked.records, us_since(begin) / 1e6);
}

/// Keeps two batches under way until all are answered; returns the last answer's token.
result<std::string> write_batches(const bench_lab& lab, std::vector<std::string> bodies,
                                  samples& each) {
  std::vector<http_pipe> pipes;
  std::vector<load_connection> connections;
  for (size_t n = 0; n < batches_under_way; ++n) {
    auto to = lab.pipe(0);
    if (!to)
      return to.err();
    pipes.push_back(std::move(*to));
  }
  std::string token;
  size_t next = 0;
  for (auto& p : pipes)
    connections.push_back(
        {p.socket(), [&] { return p.send(p.request("POST", lab_path("/batch"), bodies[next++])); },
         [&]() -> result<bool> {
           auto got = p.take();
           if (!got)
             return got.err();
           if (!*got)
             return false;
           token = text_member((*got)->body, "token");
           if ((*got)->status != 200 || token.empty())
             return error{ec::unavailable, "a batch was answered " + (*got)->body.substr(0, 300)};
           return true;
         }});
  constexpr double as_long_as_it_takes = 3600;
  auto done = run_load(connections, as_long_as_it_takes, bodies.size());
  if (!done)
    return done.err();
  each.add(done->each);
  return token;
}

result<json> shoal_throughput(const bench_request& asked, const bench_lab& lab, uint64_t seed) {
  record_maker make(asked.model, seed);
  std::vector<std::string> bodies;
  for (uint64_t left = asked.records; left > 0; left -= std::min(left, asked.batch))
    bodies.push_back(make.batch(std::min(left, asked.batch)));
  const auto sent_before = lab.metric(0, "shoal_bytes_sent_total");
  if (!sent_before)
    return sent_before.err();
  samples each;
  const auto begin = clock::now();
  const auto token = write_batches(lab, std::move(bodies), each);
  if (!token)
    return token.err();
  const auto written = us_since(begin) / 1e6;
  // A token names all that the node held, so the last one covers every batch.
  if (auto held = lab.await_peers(0, asked.nodes - 1); !held)
    return held.err();
  json out = rate(asked.records, us_since(begin) / 1e6);
  out["local_per_second"] = std::round(static_cast<double>(asked.records) / written);
  out.update(each.summary());
  const auto sent = lab.metric(0, "shoal_bytes_sent_total");
  if (!sent)
    return sent.err();
  out["wire_bytes_per_record"] =
      rounded((*sent - *sent_before)
              / static_cast<double>(asked.records * std::max<size_t>(1, asked.nodes - 1)));
  return out;
}

result<json> shoal_writes(const bench_request& asked, const bench_lab& lab, uint64_t seed) {
  record_maker make(asked.model, seed);
  std::vector<http_pipe> pipes;
  std::vector<load_connection> connections;
  for (size_t n = 0; n < asked.clients; ++n) {
    auto to = lab.pipe(0);
    if (!to)
      return to.err();
    pipes.push_back(std::move(*to));
  }
  for (auto& p : pipes)
    connections.push_back(
        {p.socket(),
         [&] {
           return p.send(p.request("PUT", lab_path("/records/" + make.model() + "/" + make.id()),
                                   make.fields()));
         },
         [&]() -> result<bool> {
           auto got = p.take();
           if (!got)
             return got.err();
           if (!*got)
             return false;
           if ((*got)->status != 200)
             return error{ec::unavailable, "a write was answered " + (*got)->body.substr(0, 300)};
           return true;
         }});
  const auto most = asked.records == 0 ? std::numeric_limits<uint64_t>::max() : asked.records;
  const auto before = lab.metric(0, "shoal_writes_total");
  if (!before)
    return before.err();
  const auto done = run_load(connections, asked.seconds, most);
  if (!done)
    return done.err();
  const auto after = lab.metric(0, "shoal_writes_total");
  if (!after)
    return after.err();
  if (*after - *before != static_cast<double>(done->each.count()))
    return error{ec::conflict, "the node counted " + std::to_string(*after - *before)
                                   + " writes, and answered " + std::to_string(done->each.count())};
  json out = done->each.summary();
  out.update(rate(done->each.count(), done->seconds));
  return out;
}

} // namespace

result<json> bench_throughput(const bench_request& asked) {
  auto lab = bench_lab::make(asked.scratch, asked.nodes);
  if (!lab)
    return lab.err();
  asked.note("starting " + std::to_string(asked.nodes) + " nodes");
  if (auto up = (*lab)->start(0, asked.nodes); !up)
    return up.err();
  std::vector<json> floors;
  std::vector<json> results;
  const auto begin = clock::now();
  for (size_t run = 0; run < asked.runs && (run == 0 || us_since(begin) < asked.seconds * 1e6);
       ++run) {
    asked.note("run " + std::to_string(run + 1) + " of " + std::to_string(asked.runs));
    if (auto level = (*lab)->await_peers(0, asked.nodes - 1); !level)
      return level.err();
    const auto floor = floor_throughput(asked);
    if (!floor)
      return floor.err();
    floors.push_back(*floor);
    const auto shoal = shoal_throughput(asked, **lab, run + 1);
    if (!shoal)
      return shoal.err();
    results.push_back(*shoal);
  }
  json out;
  out["runs"] = results.size();
  out["floor"] = medians(floors);
  out["results"] = medians(results);
  out["results"]["memory_mib"] = (*lab)->memory_mib(0);
  add_ratio(out);
  return out;
}

result<json> bench_writes(const bench_request& asked) {
  auto lab = bench_lab::make(asked.scratch, asked.nodes);
  if (!lab)
    return lab.err();
  asked.note("starting " + std::to_string(asked.nodes) + " nodes");
  if (auto up = (*lab)->start(0, asked.nodes); !up)
    return up.err();
  std::vector<json> floors;
  std::vector<json> results;
  for (size_t run = 0; run < asked.runs; ++run) {
    asked.note("run " + std::to_string(run + 1) + " of " + std::to_string(asked.runs));
    if (auto level = (*lab)->await_peers(0, asked.nodes - 1); !level)
      return level.err();
    const auto most = asked.records == 0 ? std::numeric_limits<uint64_t>::max() : asked.records;
    const auto floor = floor_load(asked.scratch, asked.clients, asked.seconds, most);
    if (!floor)
      return floor.err();
    json least = floor->each.summary();
    least.update(rate(floor->each.count(), floor->seconds));
    floors.push_back(std::move(least));
    const auto shoal = shoal_writes(asked, **lab, run + 1);
    if (!shoal)
      return shoal.err();
    results.push_back(*shoal);
  }
  json out;
  out["runs"] = results.size();
  out["floor"] = medians(floors);
  out["results"] = medians(results);
  out["results"]["memory_mib"] = (*lab)->memory_mib(0);
  add_ratio(out);
  return out;
}

} // namespace shoal::cli::bench
