#pragma once
// The checkers. They stand outside the nodes and know everything: each durable op of each node, who
// was told what, and every node's disk.

#include "actors/protocol/comparison.hpp"
#include "sim/model.hpp"
#include "sim/occurred.hpp"
#include "sim/plan.hpp"
#include "sim/sim_store.hpp"
#include "store/sync/replica.hpp"

namespace shoal::sim {

/// What a checker found; sim/README.md lists them.
struct violation {
  std::string checker;
  std::string what;
};

class oracle {
public:
  oracle(const plan& p, occurred& seen) : plan_(p), seen_(seen) {}

  void fail(std::string checker, std::string what);
  const std::optional<violation>& found() const { return found_; }

  /// A client was told that this commit is durable.
  void acknowledged(const committed& c);
  /// A commit is on its node's disk.
  void durable(const committed& c);
  /// A group reaches the disk.
  void written(const device_id& device, const kv_batch& batch);
  /// A group is on disk; `summary` is what the node says of itself with it. `moved`: amounts may
  /// have been, since the node was last seen ready.
  void group_done(const device_id& device, const sim_store& disk, const replica_summary& summary,
                  bool ready, bool filling, bool moved, bool thorough);
  /// A node is about to remove what `stable` covers from its log; `disks` are all members'.
  void pruning(const device_id& device, const frontier& stable,
               const std::map<device_id, const sim_store*>& disks);
  /// A node compared what it holds with a peer.
  void compared(const protocol::comparison_report& report);
  /// An older image is back: what the device wrote since may be lost, if no other node has it.
  void restored(const device_id& device, const sim_store& disk);

  /// The end: faults have stopped and all is quiet.
  void final_state(const device_id& device, const sim_store& disk, const replica_summary& summary);
  /// Every durable op applied to an empty replica, streams in an order drawn from `r`.
  void final_fold(random_source& r);

  uint64_t acknowledged_ops() const { return acknowledged_ops_; }
  uint64_t durable_bytes() const { return durable_bytes_; }
  /// Of what is durable and not in `held`; of streams that a disk lost the end of, nothing.
  uint64_t bytes_beyond(const frontier& held) const;
  /// Whether a frontier covers all there is.
  bool is_all(const frontier& held) const { return held == expected(held); }
  /// What is durable somewhere and not in `held`, or the other way round; for the report.
  std::string missing(const frontier& held) const;

private:
  /// All that is durable, but no more than `held` of streams that a restored disk cut short.
  frontier expected(const frontier& held) const;
  void check_accounts(const device_id& device, const sim_store& disk);
  void check_digest(const device_id& device, const sim_store& disk, const digest_value& said);

  const plan& plan_;
  occurred& seen_;
  std::optional<violation> found_;
  std::map<stream_id, std::vector<range>> streams_; // durable, in order
  frontier durable_frontier_;
  frontier acknowledged_;
  std::set<stream_id> cut_short_;
  std::set<device_id> restored_;
  std::map<std::pair<device_id, record_class>, hlc> newest_;
  /// Hashes of a settled frontier and of what is held back with it → digest.
  std::map<std::pair<uint64_t, uint64_t>, digest_value> digests_;
  std::optional<digest_value> final_digest_;
  std::optional<std::string> export_;
  /// Nobody can say what the records must be: what a range read from rows had left out may have
  /// gone with a disk, or deletes that a node never heard of were forgotten meanwhile.
  bool fold_is_moot() const {
    return seen_[situation::given_up] > 0 || seen_[situation::adopted] > 0;
  }
  uint64_t acknowledged_ops_ = 0;
  uint64_t durable_bytes_ = 0;
};

/// The frontier that a disk's image names.
frontier frontier_on(const sim_store& disk);

} // namespace shoal::sim
