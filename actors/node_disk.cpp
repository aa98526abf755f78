// Libraries whose disk has no room, or failed while they were opened: they come back by themselves.

#include "actors/clocks.hpp"
#include "actors/closed_library.hpp"
#include "actors/log_about.hpp"
#include "actors/node_loop.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

/// What of a failed batch is on disk only a reopened store can say, and RocksDB writes nothing more
/// until then.
void node_loop::on(const library_out_of_room& r) {
  const auto it = libraries_.find(r.library);
  if (it == libraries_.end() || !it->second.actor || closing_.contains(r.library)
      || stop_at_us_ != 0)
    return;
  about("node", {{"library", to_string(r.library)}})
      ->error("library {}: {}; it is opened anew", it->second.entry.name, r.reason);
  close_one(it->second, "its disk has no room", false, nullptr, [this, id = r.library](bool) {
    if (stop_at_us_ != 0)
      return;
    const auto entry = libraries_[id].entry;
    open_or_show(entry);
    update_peers();
    dial_due();
  });
}

void node_loop::open_again() {
  const auto now = mono_us();
  if (now < open_again_us_)
    return;
  open_again_us_ = now + limits::reopen_ms * 1000;
  std::vector<library_entry> failed;
  for (const auto& [id, l] : libraries_)
    if (l.disk_failed && !l.actor && !closing_.contains(id))
      failed.push_back(l.entry);
  bool any = false;
  for (const auto& entry : failed) {
    if (auto opened = open_one(entry); !opened) { // logged and shown when it failed first
      about("node", {{"library", to_string(entry.id)}})
          ->debug("library {} cannot be opened yet: {}", entry.name, opened.err().message);
      continue;
    }
    about("node", {{"library", to_string(entry.id)}})->info("library {} is open again", entry.name);
    introduce(libraries_[entry.id]);
    any = true;
  }
  if (!any)
    return;
  update_peers();
  dial_due();
}

} // namespace shoal
