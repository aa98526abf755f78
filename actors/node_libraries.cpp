// The life of a node's libraries. Each stands for itself: one that fails is shown as failed, the
// others go on.

#include "actors/clocks.hpp"
#include "actors/closed_library.hpp"
#include "actors/log_about.hpp"
#include "actors/node_loop.hpp"
#include "actors/protocol/settings.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

status node_loop::open_one(const library_entry& entry) {
  auto known = entry;
  if (!known.damage.empty())
    return error{ec::corrupt, known.damage};
  auto opened =
      open(self_->home_system(), setup_->catalog, known, caf::actor_cast<caf::actor>(self_));
  if (!opened)
    return opened.err();
  libraries_[entry.id] = {std::move(known), opened->actor, opened->members, false};
  setup_->open->put(entry.id, std::move(*opened));
  return success();
}

/// A library that does not open is shown with the reason; it keeps nobody else from working.
void node_loop::open_or_show(const library_entry& entry) {
  if (auto opened = open_one(entry); !opened) {
    about("node", {{"library", to_string(entry.id)}})
        ->error("library {} cannot be opened: {}", entry.name, opened.err().message);
    const auto code = opened.err().code;
    libraries_[entry.id] = {entry,
                            nullptr,
                            {},
                            code == ec::disk || code == ec::disk_full
                                || code == ec::outcome_unknown};
    show_closed(entry, "failed", opened.err());
    return;
  }
  introduce(libraries_[entry.id]);
}

/// Tells a library that was just opened who is linked already.
void node_loop::introduce(const library& l) {
  for (const auto& [device, p] : peers_)
    if (p.link && l.wants(device, self_id()))
      self_->send(l.actor, session_up{device, p.number, p.link});
}

void node_loop::show_closed(const library_entry& entry, const std::string& state, error why) {
  member_set members;
  for (const auto& [device, address] : entry.contacts)
    members[device].address = address;
  setup_->open->put_closed(entry.id, std::make_shared<closed_library>(closed_library::description{
                                         entry.id, entry.name, entry.sync, state, std::move(why),
                                         std::move(members), self_id()}));
}

bool node_loop::is_name_taken(const std::string& name) const {
  return std::any_of(libraries_.begin(), libraries_.end(),
                     [&](const auto& l) { return l.second.entry.name == name; });
}

void node_loop::post(std::function<void()> run) {
  caf::anon_send(caf::actor_cast<caf::actor>(self_),
                 node_step{std::make_shared<std::function<void()>>(std::move(run))});
}

void node_loop::on(create_library_request& c) {
  if (const auto room = setup_->catalog.disk->check(); !room)
    return (*c.done)(room.err());
  if (is_name_taken(c.name))
    return (*c.done)(error{ec::conflict, "there is a library named " + c.name + " already"});
  library_entry entry;
  entry.id = library_id{random_record_id().bytes};
  entry.name = c.name;
  if (auto opened = open_one(entry); !opened)
    return (*c.done)(opened.err());
  // Behind the library's first message: the answer shows a library that is open.
  auto core = setup_->open->find(entry.id)->core;
  core->wait({}, {}, 0, 0, [done = c.done, core](const result<api::wait_answer>&) {
    (*done)(std::static_pointer_cast<api::library>(core));
  });
}

void node_loop::on(library_order& o) {
  if (stop_at_us_ != 0)
    return (*o.done)(error{ec::unavailable, "the node is stopping"});
  const bool fills =
      o.wanted == library_order::what::join || o.wanted == library_order::what::rebuild;
  if (const auto room = setup_->catalog.disk->check(); fills && !room)
    return (*o.done)(room.err());
  if (o.wanted == library_order::what::join)
    return join(o);
  const auto it = libraries_.find(o.library);
  if (it == libraries_.end())
    return (*o.done)(
        error{ec::unknown_library, "this node carries no library " + to_string(o.library)});
  auto& l = it->second;
  if (closing_.contains(o.library))
    return (*o.done)(
        error{ec::unavailable, "library " + l.entry.name + " is being closed; try again"});
  switch (o.wanted) {
  case library_order::what::join: break;
  case library_order::what::leave: return leave(l, o);
  case library_order::what::rebuild: {
    bool others = !l.entry.contacts.empty();
    for (const auto& [device, m] : l.entry.members)
      others |= device != self_id();
    if (!others)
      return (*o.done)(error{ec::conflict,
                             "library " + l.entry.name + " has no other member to be filled from"});
    about("node", {{"library", to_string(l.entry.id)}})
        ->warn("library {}: rebuilding by command", l.entry.name);
    return begin_anew(l, "damaged", o.done);
  }
  case library_order::what::pause: return pause(l, true, o.done);
  case library_order::what::resume: return pause(l, false, o.done);
  }
}

/// It becomes a member by the others' word only: until then `via` is a contact, who is dialled and
/// listened to.
void node_loop::join(const library_order& o) {
  if (libraries_.contains(o.library))
    return (*o.done)(
        error{ec::conflict, "this node carries library " + to_string(o.library) + " already"});
  if (is_name_taken(o.name))
    return (*o.done)(error{ec::conflict, "there is a library named " + o.name + " already"});
  if (o.via == self_id())
    return (*o.done)(error{ec::bad_request, "via must be another device, which has the library"});
  library_entry entry;
  entry.id = o.library;
  entry.name = o.name;
  entry.contacts[o.via] = o.address;
  if (auto gone = forget_departure(setup_->catalog.data_dir, o.library); !gone)
    return (*o.done)(gone.err());
  end_departure(o.library);
  if (auto opened = open_one(entry); !opened)
    return (*o.done)(opened.err());
  introduce(libraries_[entry.id]);
  update_peers();
  dial_due();
  (*o.done)(std::string());
}

void node_loop::pause(library& l, bool on, const answer& done) {
  auto entry = l.entry;
  entry.paused = on;
  if (auto kept = remember_library(setup_->catalog.data_dir, entry); !kept)
    return (*done)(kept.err());
  l.entry = std::move(entry);
  update_peers();
  dial_due();
  if (!l.actor)
    return (*done)(std::string());
  // Answered once the library has heard it: from then on nothing is sent or taken, and says so.
  self_->request(l.actor, caf::infinite, pause_library{on})
      .then([done] { (*done)(std::string()); },
            [done](const caf::error&) {
              (*done)(error{ec::unavailable, "the library ended just now; what was asked for is "
                                             "kept, and holds when it is opened again"});
            });
}

void node_loop::leave(library& l, const library_order& o) {
  const auto id = o.library;
  const bool can_tell = l.actor && is_member(l.members, self_id());
  if (o.now || (l.actor && !can_tell))
    return leave_now(id, o.drop, o.done);
  if (!l.actor)
    return (*o.done)(
        error{ec::conflict, "library " + l.entry.name
                                + " is not open, so nobody knows whether another member has all of "
                                  "it; rebuild it first, or leave with --now"});
  std::vector<device_id> others;
  for (const auto& [device, m] : l.members)
    if (!m.removed && device != self_id())
      others.push_back(device);
  if (others.empty())
    return (*o.done)(error{ec::conflict, "no other member has library " + l.entry.name
                                             + "; --now leaves all the same, and its files stay in "
                                               "the folder that is moved aside"});
  if (l.entry.paused)
    return (*o.done)(error{ec::conflict, "library " + l.entry.name
                                             + " is paused, so nobody can take what it has; resume "
                                               "it first, or leave with --now"});
  const auto core = setup_->open->find(id)->core;
  core->refuse_writes("library " + l.entry.name + " is being left");
  // Behind the writes that were taken before.
  core->flush([=, this, drop = o.drop, done = o.done, name = l.entry.name](const status&) {
    core->wait(core->now(), others, 1, limits::leave_wait_ms,
               [=, this](const result<api::wait_answer>& w) {
                 const bool held = w && !w->held.empty();
                 post([=, this] {
                   if (held)
                     return leave_now(id, drop, done);
                   core->refuse_writes({});
                   (*done)(error{ec::timed_out,
                                 "after " + std::to_string(limits::leave_wait_ms / 1000)
                                     + " s no other member holds all that this node has of library "
                                     + name + "; it was not left. --now leaves all the same"});
                 });
               });
  });
}

/// Removes this device from the member set, tells those who are linked, and forgets the library.
void node_loop::leave_now(const library_id& id, bool drop, const answer& done) {
  const auto it = libraries_.find(id);
  if (it == libraries_.end() || closing_.contains(id))
    return (*done)(error{ec::unavailable, "library " + to_string(id) + " is being closed"});
  const auto& dir = setup_->catalog.data_dir;
  // First this: cut off from here on, the next start leaves.
  departure note{id, it->second.entry.name, 0, true, wall_ms(), it->second.entry.contacts};
  const auto self = it->second.members.find(self_id());
  if (it->second.actor && self != it->second.members.end())
    note.generation = self->second.generation;
  else if (!it->second.actor)
    note.generation = it->second.entry.generation;
  const bool member = note.generation != 0 && !it->second.removed(self_id());
  note.told = !member || note.contacts.empty() || !it->second.entry.sync;
  if (auto kept = keep_departure(dir, note); !kept)
    return (*done)(kept.err());
  auto forget = [=, this](bool told) mutable {
    const auto name = note.name;
    const auto configured = std::exchange(libraries_[id].entry, {});
    auto aside = drop ? result<std::filesystem::path>(std::filesystem::path())
                      : put_aside(dir, id, "left", false);
    auto gone = drop ? delete_library(dir, id) : success();
    libraries_.erase(id);
    setup_->open->erase(id);
    if (told && !note.told) {
      note.told = true;
      if (auto kept = keep_departure(dir, note); !kept)
        about("node", {{"library", to_string(id)}})
            ->error("library {}: {}", name, kept.err().message);
    }
    const bool untold = !note.told;
    depart(std::move(note), configured.configured ? std::optional(configured) : std::nullopt);
    update_peers();
    dial_due();
    if (!aside)
      return (*done)(aside.err());
    if (!gone)
      return (*done)(gone.err());
    about("node", {{"library", to_string(id)}})
        ->info("left library {}{}{}", name,
               aside->empty() ? "" : "; its files are in " + aside->string(),
               untold ? "; no member has heard of it yet, and the first to be linked is told" : "");
    (*done)(aside->string());
  };
  if (!it->second.actor)
    return forget(false);
  const auto core = setup_->open->find(id)->core;
  core->refuse_writes("library " + it->second.entry.name + " is being left");
  core->remove_self([=, this](const status& removed) {
    post([=, this] {
      const auto l = libraries_.find(id);
      if (l == libraries_.end() || closing_.contains(id))
        return (*done)(error{ec::unavailable, "library " + to_string(id) + " is being closed"});
      if (!removed) {
        core->refuse_writes({});
        if (auto gone = forget_departure(setup_->catalog.data_dir, id); !gone)
          about("node", {{"library", to_string(id)}})
              ->error("library {}: {}", l->second.entry.name, gone.err().message);
        return (*done)(removed.err());
      }
      close_one(l->second, "left", true, done, forget);
    });
  });
}

/// Ends the library's actors, and runs `then` when nobody uses its store any more.
void node_loop::close_one(library& l, const std::string& reason, bool left, answer told,
                          std::function<void(bool told)> then) {
  const auto id = l.entry.id;
  auto& c = closing_[id];
  c.then = std::move(then);
  c.answer = std::move(told);
  c.patient_until_us = mono_us() + limits::close_wait_ms * 1000;
  setup_->catalog.directory->erase(id);
  if (!l.actor) {
    c.stopped = true;
    return step_closing();
  }
  c.in_use = setup_->open->find(id)->store->in_use();
  self_->send(l.actor, stop_library{reason, left});
}

void node_loop::on(const library_stopped& s) {
  const auto it = libraries_.find(s.library);
  if (it == libraries_.end())
    return;
  it->second.actor = nullptr;
  if (stop_at_us_ != 0)
    return finish_stop(); // the writer ends with the process
  const auto c = closing_.find(s.library);
  if (c == closing_.end())
    return;
  if (const auto open = setup_->open->find(s.library))
    self_->send_exit(open->writer, caf::exit_reason::user_shutdown);
  show_closed(it->second.entry, "closing",
              {ec::unavailable, "library " + it->second.entry.name + " is being closed"});
  c->second.stopped = true;
  c->second.told = s.told;
  update_peers();
}

void node_loop::step_closing() {
  std::vector<std::pair<std::function<void(bool)>, bool>> due;
  for (auto it = closing_.begin(); it != closing_.end();) {
    auto& c = it->second;
    if (c.stopped && c.in_use.expired()) {
      due.emplace_back(std::move(c.then), c.told);
      it = closing_.erase(it);
      continue;
    }
    if (c.answer && mono_us() >= c.patient_until_us) {
      (*c.answer)(error{ec::unavailable, "the library is still being read; it goes on as soon as "
                                         "that has ended"});
      *c.answer = [](const result<std::string>&) {};
    }
    ++it;
  }
  for (const auto& [then, told] : due)
    then(told);
}

/// Its store goes to WHY-ID-TIME, a new one is filled from the others.
void node_loop::begin_anew(library& l, const std::string& why, answer done) {
  close_one(l, protocol::begins_anew, false, done,
            [=, this, id = l.entry.id](bool) { refill(id, why, done); });
}

void node_loop::refill(const library_id& id, const std::string& why, const answer& done) {
  auto entry = libraries_[id].entry;
  const auto tell = [&](const result<std::string>& r) {
    if (done)
      (*done)(r);
  };
  const auto& dir = setup_->catalog.data_dir;
  const auto fail = [&](const error& e) {
    about("node", {{"library", to_string(id)}})->error("library {}: {}", entry.name, e.message);
    show_closed(entry, "failed", e);
    tell(e);
  };
  // First this: cut off from here on, the next start makes what is missing.
  entry.stored = false;
  entry.damage.clear();
  if (auto kept = remember_library(dir, entry); !kept)
    return fail(kept.err());
  auto aside = put_aside(dir, id, why, true);
  if (!aside)
    return fail(aside.err());
  open_or_show(entry);
  update_peers();
  dial_due();
  about("node", {{"library", to_string(id)}})
      ->info("library {} begins anew{}", entry.name,
             aside->empty() ? "" : "; its old store is in " + aside->string());
  tell(aside->string());
}

void node_loop::on(const library_damaged& d) {
  const auto it = libraries_.find(d.library);
  if (it == libraries_.end() || !it->second.actor || closing_.contains(d.library))
    return;
  about("node", {{"library", to_string(d.library)}})
      ->error("library {} has failed: {}", it->second.entry.name, d.reason);
  close_one(it->second, "its store is damaged", false, nullptr,
            [this, id = d.library, reason = d.reason](bool) {
              show_closed(libraries_[id].entry, "failed", {ec::corrupt, reason});
            });
}

} // namespace shoal
