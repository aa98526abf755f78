#include "actors/held_jobs.hpp"

#include "config/limits.hpp"

namespace shoal {

bool held_jobs::keep(const std::shared_ptr<job>& j, uint64_t bytes) {
  if (bytes > 0 && bytes_ + bytes > limits::disk_held_bytes_max)
    return false;
  bytes_ += bytes;
  all_.push_back(j);
  return true;
}

namespace {

template <class Callback>
bool refuse(const Callback& done, const error& why) {
  done(why);
  return true;
}

} // namespace

bool held_jobs::take(const std::shared_ptr<job>& j, const error& why) {
  struct visitor {
    held_jobs& self;
    const std::shared_ptr<job>& j;
    const error& why;

    bool operator()(write_job& w) const { return refuse(w.done, why); }
    bool operator()(reindex_job& r) const { return refuse(r.done, why); }
    bool operator()(retry_job& r) const { return refuse(r.done, why); }
    bool operator()(hide_job& h) const { return refuse(h.done, why); }
    bool operator()(release_job& r) const { return refuse(r.done, why); }
    bool operator()(prune_job& p) const { return p.done ? refuse(p.done, why) : self.keep(j, 0); }
    bool operator()(prune_marks_job&) const { return self.keep(j, 0); }
    bool operator()(make_statement_job&) const { return self.keep(j, 0); } // there is only one
    bool operator()(keep_state_job&) const { return self.keep(j, 0); }
    bool operator()(apply_job& a) const { return self.keep(j, a.what.cost); }
    bool operator()(repair_job& r) const { return self.keep(j, r.what.cost); }
    // Heartbeats show that it is missing.
    bool operator()(keep_statement_job&) const { return true; }
    bool operator()(members_job& m) const {
      if (m.done)
        return refuse(m.done, why);
      if (!self.members_) {
        self.members_ = j;
        return self.keep(j, 0);
      }
      static_cast<void>(merge(std::get<members_job>(*self.members_).members, m.members));
      return true;
    }
  };
  return std::visit(visitor{*this, j, why}, *j);
}

std::vector<std::shared_ptr<job>> held_jobs::give_back() {
  members_ = nullptr;
  bytes_ = 0;
  return std::exchange(all_, {});
}

} // namespace shoal
