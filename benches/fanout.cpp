// What one write costs, and how long it takes to reach everyone, on many simulated nodes: the
// protocol and the store logic that `shoal` runs, on a network whose latency is virtual, in a full
// mesh or along a tree of relays. Processor time of the nodes is not part of it.

#include "sim/node.hpp"
#include "sim/workload.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t second_us = 1'000'000;
constexpr uint64_t hop_us = 500;  // one way
constexpr uint64_t sync_us = 200; // mean

plan quiet_plan(size_t nodes, topology shape, size_t children) {
  plan p;
  p.seed = 1;
  p.nodes = nodes;
  p.shape = shape;
  p.children = children;
  p.lasting_links = true;
  p.latency_us = hop_us;
  p.jitter_us = hop_us / 10;
  p.sync_us = sync_us;
  p.min_tombstone_ms = 3'600'000;
  return p;
}

struct tally {
  uint64_t frames = 0;
  uint64_t bytes = 0;
  void add(size_t n) {
    ++frames;
    bytes += n;
  }
};

class fleet final : public net_listener {
public:
  fleet(size_t count, topology shape, size_t children)
      : plan_(quiet_plan(count, shape, children)), judge_(plan_, seen_), time_(plan_.seed),
        net_(plan_, time_, *this, seen_), around_{plan_,    time_,   net_, judge_, seen_,
                                                  members_, nullptr, 0,    {},     0} {
    for (size_t n = 0; n < count; ++n)
      members_[device_of(n)] = {};
    for (size_t n = 0; n < count; ++n)
      nodes_.push_back(std::make_unique<sim_node>(around_, n));
    around_.disks.clear(); // to look at all of them whenever one prunes takes the square of them
    for (auto& n : nodes_)
      n->start();
    net_.start();
  }

  bool is_up(size_t node) const override { return nodes_[node]->up(); }
  bool accepts(size_t node, size_t peer) const override { return nodes_[node]->holds_member(peer); }
  void linked(size_t node, size_t peer) override {
    ++links_;
    nodes_[node]->linked(peer);
  }
  void unlinked(size_t node, size_t peer) override {
    std::fprintf(stderr, "node %zu lost node %zu: this network has no faults\n", node, peer);
    std::exit(1);
  }
  void arrived(size_t node, size_t peer, const frame_ptr& frame) override {
    const auto before = nodes_[node]->range_bytes_in();
    nodes_[node]->arrived(peer, frame);
    const bool ops = nodes_[node]->range_bytes_in() != before;
    (ops ? ops_ : rest_).add(frame->size());
    by_writer_ += ops && peer == writer_ ? 1 : 0;
  }

  void run_for(uint64_t us) {
    const auto end = time_.now() + us;
    while (time_.due(end) && !judge_.found())
      (void)time_.step();
    time_.advance(end);
    check();
  }
  void check() const {
    if (!judge_.found())
      return;
    std::fprintf(stderr, "%s: %s\n", judge_.found()->checker.c_str(), judge_.found()->what.c_str());
    std::exit(1);
  }
  bool all_ready() const {
    return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return n->ready(); });
  }
  size_t links() const { return links_ / 2; }

  /// One new tag; the times at which half of the others and the last of them hold it durably, from
  /// the moment at which the writer does, µs.
  std::pair<uint64_t, uint64_t> broadcast(size_t writer, uint64_t number) {
    writer_ = writer;
    edit e;
    e.model = "tag";
    e.id = tag_id(number);
    e.fields = {lww("name", encoded(std::string(180, 'x')))};
    const auto before = all_ops(nodes_[writer]->summary().held);
    nodes_[writer]->write({e});
    while (all_ops(nodes_[writer]->summary().held) == before)
      (void)time_.step();
    const auto from = time_.now();
    const auto goal = all_ops(nodes_[writer]->summary().held);
    std::vector<size_t> waits;
    for (size_t n = 0; n < nodes_.size(); ++n)
      if (n != writer)
        waits.push_back(n);
    uint64_t half = 0;
    size_t left = waits.size();
    while (!waits.empty()) {
      (void)time_.step();
      if (half == 0) {
        std::erase_if(waits, [&](size_t n) { return all_ops(nodes_[n]->summary().held) >= goal; });
        if (waits.size() * 2 <= left)
          half = time_.now() - from;
      }
      while (!waits.empty() && all_ops(nodes_[waits.back()]->summary().held) >= goal)
        waits.pop_back();
      check();
    }
    return {half, time_.now() - from};
  }

  tally ops_;
  tally rest_;
  uint64_t by_writer_ = 0;

private:
  static uint64_t all_ops(const frontier& held) {
    uint64_t sum = 0;
    for (const auto& [stream, seq] : held)
      sum += seq;
    return sum;
  }

  plan plan_;
  occurred seen_;
  oracle judge_;
  timeline time_;
  sim_net net_;
  member_set members_;
  surroundings around_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  size_t links_ = 0;
  size_t writer_ = 0;
};

double per(uint64_t all, uint64_t n) { return static_cast<double>(all) / static_cast<double>(n); }

void measure(size_t nodes, topology shape, size_t children) {
  const uint64_t writes = nodes > 100 ? 3 : 20;
  fleet f(nodes, shape, children);
  uint64_t waited_s = 0;
  while (!f.all_ready() && waited_s++ < 120)
    f.run_for(second_us);
  if (!f.all_ready()) {
    std::fprintf(stderr, "not all of %zu nodes are ready after 120 s\n", nodes);
    std::exit(1);
  }
  f.run_for(30 * second_us);
  f.rest_ = {};
  f.run_for(30 * second_us);
  const auto idle = f.rest_;
  f.ops_ = f.rest_ = {};
  std::vector<uint64_t> firsts;
  std::vector<uint64_t> halves;
  std::vector<uint64_t> lasts;
  for (uint64_t n = 0; n < writes; ++n) {
    const auto writer = n * 7919 % nodes;
    const auto ops = f.ops_;
    const auto rest = f.rest_;
    const auto sent = f.by_writer_;
    firsts.push_back(f.broadcast(writer, 2 * n).second); // relays learn where it comes from
    f.run_for(5 * second_us);
    f.ops_ = ops;
    f.rest_ = rest;
    f.by_writer_ = sent;
    const auto [half, last] = f.broadcast(writer, 2 * n + 1);
    halves.push_back(half);
    lasts.push_back(last);
    f.run_for(5 * second_us); // until all have acknowledged it
  }
  for (auto* all : {&firsts, &halves, &lasts})
    std::sort(all->begin(), all->end());
  const std::string name = shape == topology::mesh ? "mesh" : "tree of " + std::to_string(children);
  std::printf("| %s | %zu | %zu | %.1f | %.1f | %.0f | %.1f / %.1f | %.0f | %.0f | %.1f | %.0f |\n",
              name.c_str(), nodes, f.links(), per(f.by_writer_, writes), per(f.ops_.frames, writes),
              per(f.ops_.bytes, f.ops_.frames), per(halves[halves.size() / 2], 1000),
              per(lasts.back(), 1000), per(firsts.back(), 1000),
              per(f.rest_.frames, writes * nodes), per(f.rest_.bytes, writes * nodes) / 1024,
              per(idle.bytes, 30 * nodes));
  std::fflush(stdout);
}

} // namespace

/// No arguments: 10, 100 and 1,000 nodes, as a mesh and as trees. NODES [CHILDREN]: that alone, a
/// mesh where no number of children is given.
int main(int argc, char** argv) {
  std::printf(
      "| shape | nodes | links | sends by the writer | sends of it by all | bytes of each | "
      "half / all hold it, ms | all hold a writer's first, ms | other frames per write and "
      "node | KiB of those | idle, bytes/s and node |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  if (argc > 1) {
    const size_t children = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
    measure(std::strtoull(argv[1], nullptr, 10), children == 0 ? topology::mesh : topology::tree,
            children);
    return 0;
  }
  for (const size_t nodes : std::initializer_list<size_t>{10, 100, 1000}) {
    measure(nodes, topology::mesh, 0);
    for (const size_t children : std::initializer_list<size_t>{3, 10})
      measure(nodes, topology::tree, children);
  }
}
