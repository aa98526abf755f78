// `verify`: the store in itself, then this node against each linked peer.

#include "actors/library_loop.hpp"
#include "actors/log_about.hpp"

#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

void library_loop::on(verify_request& v) {
  if (verifying_)
    return (*v.done)(error{ec::conflict, setup_.name + " is being verified already"});
  verifying_ = std::make_unique<verifying>();
  verifying_->repair = v.repair;
  verifying_->done = v.done;
  read(verify_local{});
}

void library_loop::on(store_verified& v) {
  if (!verifying_)
    return;
  auto& a = verifying_->answer;
  a.records = v.report->records;
  a.versions = v.report->versions;
  a.log_entries = v.report->log_entries;
  a.digest = to_string(v.report->digest);
  a.problems = v.report->problems;
  a.described = std::move(v.report->described);
  if (a.problems > 0)
    about("store", {{"library", to_string(setup_.id)}})
        ->error("{}: verify found {} problems; the first: {}", setup_.name, a.problems,
                a.described.front());
  if (verifying_->repair && a.problems > 0)
    commit(reindex_job{[core = core_, id = setup_.id](const result<nothing>& made) {
      if (!made)
        about("store", {{"library", to_string(id)}})
            ->error("{}: the indexes could not be made anew: {}", core->name(), made.err().message);
    }});
  verifying_->with_peers = true;
  step(protocol::verify{verifying_->repair});
}

void library_loop::carry_out(protocol::forged& f) {
  setup_.counted.ops_forged->Increment();
  const auto owner = to_string(f.owner);
  std::string text;
  if (f.by == std::vector{f.owner}) {
    text = "device " + owner
           + " signs for other records than it sends: its word on them is not "
             "heeded until this node starts again";
  } else {
    std::string by;
    for (const auto& peer : f.by)
      by += (by.empty() ? "" : ", ") + to_string(peer);
    text = "records of " + owner + " here were not what it signed"
           + (by.empty() ? std::string() : "; they came through " + by)
           + ": they are dropped and fetched anew";
  }
  about("library", {{"library", to_string(setup_.id)}, {"origin", owner}})
      ->error("{}: {}", setup_.name, text);
  const std::lock_guard guard(core_->mutex_);
  for (const auto& peer : f.by)
    core_->notes_[peer].last_error = text;
  if (core_->forged_.size() == limits::forged_shown_max)
    core_->forged_.erase(core_->forged_.begin());
  core_->forged_.emplace_back(setup_.time.mono_us() + limits::forged_shown_us, std::move(text));
}

void library_loop::carry_out(protocol::compared& c) {
  const auto& r = c.report;
  const about log("library", {{"library", to_string(setup_.id)}, {"peer", to_string(r.peer)}});
  if (r.intervals_differing > 0) {
    setup_.counted.digest_mismatch->Increment();
    log->warn("{}: compared {} versions with {}: {} intervals differed, {} records changed",
              setup_.name, r.versions, to_string(r.peer), r.intervals_differing, r.records_changed);
  } else {
    log->info("{}: compared {} versions with {}: no difference{}", setup_.name, r.versions,
              to_string(r.peer), r.complete ? "" : ", until the link ended");
  }
  if (verifying_ && verifying_->with_peers)
    verifying_->answer.peers.push_back(
        {r.peer, r.complete, r.versions, r.intervals_differing, r.records_changed});
}

/// Answers once nothing is being compared any more.
void library_loop::check_verified() {
  if (!verifying_ || !verifying_->with_peers)
    return;
  {
    const std::lock_guard guard(core_->mutex_);
    if (core_->protocol_->comparing())
      return;
  }
  auto finished = std::move(verifying_);
  auto& a = finished->answer;
  a.ok = a.problems == 0;
  for (const auto& p : a.peers)
    a.ok = a.ok && p.complete && p.intervals_differing == 0;
  (*finished->done)(std::move(a));
}

} // namespace shoal
