// Libraries that this node has left: they stay left, and the other members are told, if not at once
// then when one of them is linked.

#include "actors/clocks.hpp"
#include "actors/departed_library.hpp"
#include "actors/log_about.hpp"
#include "actors/node_loop.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

namespace {

std::string untold_text(const departure& d) {
  return "library " + d.name
         + " was left, and no member has heard of it: until one was linked with this node, they "
           "count it as a member and keep their log for it";
}

} // namespace

bool node_loop::departed::tells() const {
  return !note.told && wall_ms() < note.left_ms + limits::departure_told_ms;
}

/// A member may take the device back only where the configuration still wants the library.
bool node_loop::departed::wants(const device_id& device) const {
  return (tells() || entry) && note.contacts.contains(device);
}

void node_loop::each_actor_of(const device_id& device,
                              const std::function<void(const caf::actor&)>& on) {
  for (auto& [id, l] : libraries_)
    if (l.actor && l.wants(device, self_id()))
      on(l.actor);
  for (auto& [id, d] : departed_)
    if (d.wants(device))
      on(d.actor);
}

/// At start: what was left does not come back because shoal.toml names it.
std::vector<library_entry> node_loop::without_departed(std::vector<library_entry> entries) {
  for (auto& note : setup_->departures) {
    const auto it = std::find_if(entries.begin(), entries.end(),
                                 [&](const library_entry& e) { return e.id == note.id; });
    std::optional<library_entry> configured;
    if (it != entries.end()) {
      if (it->configured) {
        configured = *it;
        about("node", {{"library", to_string(it->id)}})
            ->warn("library {} stays left, though {} names it: `shoal library join {}` takes it "
                   "back, or `shoal member add … --readmit` on a member",
                   it->name, setup_->options.file.string(), to_string(it->id));
      }
      entries.erase(it);
      // A leave that was cut off.
      if (auto aside = put_aside(setup_->catalog.data_dir, note.id, "left", false); !aside)
        about("node", {{"library", to_string(note.id)}})
            ->error("library {}: {}", note.name, aside.err().message);
    }
    depart(std::move(note), std::move(configured));
  }
  setup_->departures.clear();
  return entries;
}

void node_loop::depart(departure note, std::optional<library_entry> configured) {
  const auto id = note.id;
  if (configured) { // as the configuration has it
    configured->stored = configured->paused = false;
    configured->generation = 0;
    configured->contacts = note.contacts;
  }
  departed d{std::move(note), std::move(configured), nullptr};
  if (!d.tells() && !d.entry)
    return; // the note alone: a join says that it takes a re-admission
  d.actor =
      self_->spawn(departed_library, departed_setup{id, self_id(), setup_->catalog.node_name,
                                                    setup_->catalog.boot_nonce, d.note.generation,
                                                    caf::actor_cast<caf::actor>(self_)});
  if (d.tells())
    setup_->alarms->raise("left " + to_string(id), untold_text(d.note));
  setup_->catalog.directory->put(id, d.actor);
  for (const auto& [device, address] : d.note.contacts) {
    auto& p = peer_of(device);
    if (p.link)
      self_->send(d.actor, session_up{device, p.number, p.link});
    else if (d.tells()) // at once, and then as seldom as one asks that was removed
      p.dialled_us = 0;
  }
  departed_[id] = std::move(d);
}

void node_loop::end_departure(const library_id& id) {
  const auto it = departed_.find(id);
  if (it == departed_.end())
    return;
  setup_->alarms->clear("left " + to_string(id));
  setup_->catalog.directory->erase(id);
  self_->send_exit(it->second.actor, caf::exit_reason::user_shutdown);
  departed_.erase(it);
}

void node_loop::on(const departure_heard& h) {
  const auto it = departed_.find(h.library);
  if (it == departed_.end() || stop_at_us_ != 0)
    return;
  auto& d = it->second;
  if (h.taken_back != 0 && d.entry) {
    auto entry = std::move(*d.entry);
    entry.generation = h.taken_back;
    about("node", {{"library", to_string(h.library)}, {"peer", to_string(h.peer)}})
        ->warn("library {}: {} has taken this device back: it begins empty", entry.name,
               to_string(h.peer));
    if (auto gone = forget_departure(setup_->catalog.data_dir, h.library); !gone)
      about("node", {{"library", to_string(h.library)}})
          ->error("library {}: {}", entry.name, gone.err().message);
    end_departure(h.library);
    open_or_show(entry);
    update_peers();
    return dial_due();
  }
  note_told(h.library, h.peer);
}

void node_loop::note_told(const library_id& id, const device_id& by) {
  auto& d = departed_[id];
  if (d.note.told)
    return;
  d.note.told = true;
  if (auto kept = keep_departure(setup_->catalog.data_dir, d.note); !kept)
    about("node", {{"library", to_string(id)}})
        ->error("library {}: {}", d.note.name, kept.err().message);
  about("node", {{"library", to_string(id)}, {"peer", to_string(by)}})
      ->info("left library {}: {} has taken note", d.note.name, to_string(by));
  setup_->alarms->clear("left " + to_string(id));
  if (!d.entry)
    end_departure(id);
  update_peers();
}

/// A member that lets this device in no more has heard of the removal.
void node_loop::note_refusal(const device_id& device, const std::string& reason) {
  if (reason.find(transport::refused_text) == std::string::npos)
    return;
  std::vector<library_id> told;
  for (const auto& [id, d] : departed_)
    if (d.tells() && d.note.contacts.contains(device))
      told.push_back(id);
  for (const auto& id : told)
    note_told(id, device);
}

/// Whom to accept, and whom to dial, for their sake.
void node_loop::want_departed(std::unordered_set<device_id>& accepted,
                              std::map<device_id, std::vector<config::address>>& wanted) const {
  for (const auto& [id, d] : departed_)
    for (const auto& [device, address] : d.note.contacts) {
      if (!d.wants(device))
        continue;
      accepted.insert(device);
      if (auto a = config::parse_address(address, config::port_zero::refused); a && d.tells())
        if (auto& to = wanted[device]; std::find(to.begin(), to.end(), *a) == to.end())
          to.push_back(*a);
    }
}

} // namespace shoal
