#pragma once
// Two honest nodes, and a third member's key in the hands of a rogue. What the honest ones wrote is
// known, and must stay as it was.

#include "tests/attack/rogue.hpp"
#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::attack {

using nodes::json;

class attacked_lab : public nodes::cluster {
public:
  attacked_lab();

  nodes::node& a() { return (*this)[0]; }
  nodes::node& b() { return (*this)[1]; }
  rogue intruder;
  device_id a_id;
  device_id b_id;

  /// Links the rogue with a node, whose operator lets it in again where it broke a rule before.
  bool meet(nodes::node& n);
  /// The honest nodes run, hold what they held, take writes and agree, and their clocks are right.
  /// The rogue is not linked while this is looked at.
  void check(const std::string& after);
  /// The same of what honest nodes wrote alone: a member that tells each of them another story of
  /// its own stream keeps them apart in its own records.
  void check_honest(const std::string& after);
  /// What an operator does about it.
  void remove_rogue();
  /// Of these the least: they run, take writes, and are not bloated.
  void check_at_work(const std::string& after);
  /// Resident memory of a node now.
  static size_t rss_mib(nodes::node& n);
  double breaches(nodes::node& n);
  /// The node names the rogue in status, with these words, and counts it.
  void check_named(nodes::node& n, const std::string& reason);

private:
  using key = std::pair<std::string, std::string>; // id, owner
  static std::map<key, std::string> lines_of(const std::string& exported);
  std::map<key, std::string> honest_lines(size_t n) const;
  std::string put(nodes::node& n, const std::string& model, const json& fields);
  void write_some();

  std::map<key, std::string> kept_; // what honest nodes wrote, as exported
  size_t rss_before_ = 0;
  size_t written_ = 0;
};

} // namespace shoal::attack
