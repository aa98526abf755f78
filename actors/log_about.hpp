#pragma once
// Log lines about a library, a peer, ops: their ids are members of their own where lines are
// JSON, so that they can be searched for. Text lines have them where the message has them.

#include "messages/ids.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spdlog {
class logger;
}

namespace shoal {

/// `about("library", {{"peer", to_string(peer)}})->info(…)`: lines of this thread have the ids for
/// as long as it stands, which is until the end of that expression.
class about {
public:
  using id = std::pair<std::string_view, std::string>;

  about(const char* component, std::vector<id> ids);
  ~about();
  about(const about&) = delete;
  about& operator=(const about&) = delete;
  spdlog::logger* operator->() const { return logger_.get(); }

  /// Of this thread, now.
  static const std::vector<id>& ids();

private:
  std::shared_ptr<spdlog::logger> logger_;
  std::vector<id> before_;
};

} // namespace shoal
