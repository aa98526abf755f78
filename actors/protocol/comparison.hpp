#pragma once
// One comparison of this node's standing versions with a peer's: stream by stream it asks for
// checksums of intervals, reads its own of the same, and has those fetched and merged that differ.
// Costs what differs, and a read of everything on both sides.

#include "actors/protocol/backoff.hpp"
#include "messages/message.hpp"

#include <deque>

namespace shoal::protocol {

enum class comparison_goal {
  look,  // count what differs
  unite, // take what the peer has and this node lacks; nothing goes
  adopt, // drop what the peer no longer has, and take nothing: see resync.cpp
};

struct comparison_report {
  device_id peer;
  comparison_goal goal = comparison_goal::unite;
  bool complete = false; // false: the link ended first
  uint64_t versions = 0; // of the peer's that were compared
  uint64_t intervals_differing = 0;
  uint64_t records_changed = 0;
};

struct comparison {
  device_id peer;
  comparison_goal goal = comparison_goal::unite;
  frontier upto;     // streams to compare, and how far
  stream_id now;     // the one that is being compared
  uint64_t at = 0;   // compared up to here
  uint64_t next = 0; // up to here once the intervals below are equal
  uint64_t end = 0;  // of the stream: no further than either side holds
  enum class waiting { sums, own_sums, again, interval, store } waits = waiting::sums;
  unsigned looked = 0; // how often the intervals from `at` on were found to differ
  uint64_t asked_us = 0;
  backoff retry; // of what was not answered
  std::vector<interval_sum> theirs;
  struct interval {
    uint64_t from = 0;
    uint64_t to = 0;
  };
  std::deque<interval> differing;
  comparison_report report;
};

} // namespace shoal::protocol
