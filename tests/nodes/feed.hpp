#pragma once
// A consumer of one library's changes, over HTTP: keeps a copy of all records by what it is told.

#include "tests/nodes/cluster.hpp"

#include <httplib.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace shoal::nodes {

class feed {
public:
  ~feed() { leave(); }

  /// Follows NODE from the last token on; returns at once.
  void follow(node& at);
  /// Ends that; what was told stays.
  void leave();
  /// As `shoal export`: the lines of all records, by model and id.
  std::string exported() const;
  /// The last token.
  std::string token() const;
  uint64_t lines() const { return lines_; }
  /// Whether the connection has ended by itself.
  bool ended() const { return ended_; }
  int status() const { return status_; }
  /// The code of an error line, or of the answer.
  std::string error() const;
  /// Forgets all, to begin anew.
  void forget();

private:
  void take(std::string_view piece);
  void line(const std::string& text);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> records_;
  std::string token_;
  std::string error_;
  std::string half_;
  std::atomic<uint64_t> lines_{0};
  std::atomic<bool> ended_{false};
  std::atomic<int> status_{0};
  std::unique_ptr<httplib::Client> client_;
  std::thread thread_;
};

} // namespace shoal::nodes
