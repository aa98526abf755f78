// Whom to accept, whom to dial and when; starting and stopping in order.

#include "actors/log_about.hpp"
#include "actors/node_loop.hpp"

#include "actors/clocks.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

namespace {

constexpr uint64_t tick_us = 100'000; // how late a dial may be
/// Dials at once, from connect to the end of the TLS handshake: a hundred nodes that start at one
/// moment would else begin all handshakes, and end none in time.
constexpr ptrdiff_t dials_max = 16;
constexpr uint64_t stop_links_us = 1'000'000; // for the last frames of a node that stops

} // namespace

node_loop::node_loop(caf::event_based_actor* self, std::shared_ptr<node_setup> setup)
    : self_(self), setup_(std::move(setup)), random_(random_u64()), dialled_last_(self_id()) {}

bool node_loop::library::wants(const device_id& device, const device_id& self) const {
  return entry.sync
         && (is_member(members, device)
             || (!members.contains(self) && entry.contacts.contains(device)));
}

bool node_loop::library::removed(const device_id& self) const {
  const auto own = members.find(self);
  return own != members.end() && own->second.removed;
}

void node_loop::start() {
  transport::link_context context;
  context.tls = setup_->tls;
  context.owner = caf::actor_cast<caf::actor>(self_);
  context.counters = setup_->traffic;
  for (const auto& entry : without_departed(std::move(setup_->entries)))
    open_or_show(entry);
  update_peers();
  dialer_ = transport::spawn_dialer(self_->home_system(), context);
  listener_ = transport::spawn_listener(self_->home_system(), std::move(*setup_->socket), context);
  setup_->started.set_value(success());
  dial_due();
  self_->delayed_send(self_, std::chrono::microseconds(tick_us), node_tick{});
}

static void add_address(std::vector<config::address>& to, const config::address& a) {
  if (a.port != 0 && std::find(to.begin(), to.end(), a) == to.end())
    to.push_back(a);
}

/// Where the library would have whom dialled; configured addresses first.
void node_loop::want(std::map<device_id, std::vector<config::address>>& wanted,
                     const library& l) const {
  for (const auto& c : setup_->options.libraries)
    if (c.id == l.entry.id)
      for (const auto& m : c.members)
        if (m.at && m.device != self_id() && l.wants(m.device, self_id()))
          add_address(wanted[m.device], *m.at);
  const auto add = [&](const device_id& device, const std::string& address) {
    if (device != self_id() && !address.empty() && l.wants(device, self_id()))
      if (auto a = config::parse_address(address, config::port_zero::refused))
        add_address(wanted[device], *a);
  };
  const bool joins = !l.members.contains(self_id());
  if (joins)
    for (const auto& [device, address] : l.entry.contacts)
      add(device, address);
  if (joins || setup_->options.sync.dial == config::dial_policy::all)
    for (const auto& [device, m] : l.members)
      add(device, m.address);
}

/// Whom to accept and whom to dial, from all member sets and the configuration.
void node_loop::update_peers() {
  std::map<device_id, std::vector<config::address>> wanted;
  std::set<device_id> in_force; // by a library that has not removed this device
  std::unordered_set<device_id> accepted;
  for (const auto& [id, l] : libraries_) {
    if (!l.actor)
      continue;
    for (const auto& [device, m] : l.members)
      if (device != self_id() && l.wants(device, self_id()))
        accepted.insert(device);
    for (const auto& [device, address] : l.entry.contacts)
      if (device != self_id() && l.wants(device, self_id()))
        accepted.insert(device);
    if (l.entry.paused)
      continue; // who dials is told so; there is no reason to dial
    std::map<device_id, std::vector<config::address>> of_this;
    want(of_this, l);
    for (auto& [device, addresses] : of_this) {
      for (const auto& a : addresses)
        add_address(wanted[device], a);
      if (!l.removed(self_id()))
        in_force.insert(device);
    }
  }
  want_departed(accepted, wanted);
  setup_->accepted->set(std::move(accepted));
  for (auto& [device, addresses] : wanted) {
    auto& p = peer_of(device);
    if (p.addresses != addresses)
      p.wait.hurry();
    p.addresses = std::move(addresses);
    p.only_removed = !in_force.contains(device);
  }
  for (auto& [device, p] : peers_)
    if (!wanted.contains(device) && !p.addresses.empty()) {
      p.addresses.clear();
      publish(device, p);
    }
  drop_strangers();
}

/// Links that are of no use to any library end.
void node_loop::drop_strangers() {
  for (auto& [device, p] : peers_)
    if (p.link && p.drop_reason.empty() && !setup_->accepted->contains(device)) {
      p.drop_reason = "no longer a member";
      self_->send(p.link, transport::close_link{p.drop_reason});
    }
}

/// In turn, beginning with who comes next after this device: then of two devices one dials the
/// other early, and need not be dialled.
void node_loop::dial_due() {
  const auto now = mono_us();
  auto under_way =
      std::count_if(peers_.begin(), peers_.end(), [](const auto& p) { return p.second.dialling; });
  dials_wait_ = false;
  auto it = peers_.upper_bound(dialled_last_);
  for (size_t i = 0; i < peers_.size(); ++i, ++it) {
    if (it == peers_.end())
      it = peers_.begin();
    auto& [device, p] = *it;
    if (p.link || p.dialling || p.addresses.empty() || !p.wait.due(now)
        || !setup_->accepted->contains(device) || !p.rest.over(now))
      continue;
    if (p.only_removed && p.dialled_us != 0 && now - p.dialled_us < limits::removed_retry_ms * 1000)
      continue;
    if (under_way >= dials_max) {
      dials_wait_ = true;
      return;
    }
    ++under_way;
    dialled_last_ = device;
    p.dialling = true;
    p.dialled_us = now;
    publish(device, p);
    self_->send(dialer_,
                transport::dial{p.addresses[p.next_address++ % p.addresses.size()], device});
  }
}

/// When one dial has ended.
void node_loop::dial_next() {
  if (dials_wait_ && stop_at_us_ == 0)
    dial_due();
}

void node_loop::on(const members_changed& m) {
  const auto it = libraries_.find(m.library);
  if (it == libraries_.end() || !it->second.actor || stop_at_us_ != 0)
    return;
  auto& l = it->second;
  const auto before = l; // who was linked already
  l.members = m.members;
  if (const auto own = l.members.find(self_id()); own != l.members.end()) {
    if (l.entry.generation != 0 && own->second.generation > l.entry.generation) {
      about("node", {{"library", to_string(l.entry.id)}})
          ->warn("library {}: this device was removed and is taken back: it begins empty; what "
                 "it had not sent stays in the folder that is moved aside",
                 l.entry.name);
      l.entry.generation = own->second.generation;
      return begin_anew(l, "removed", nullptr);
    }
    if (own->second.removed && !before.removed(self_id()))
      about("node", {{"library", to_string(l.entry.id)}})
          ->warn("library {}: this device is no longer a member", l.entry.name);
    l.entry.generation = own->second.generation;
    if (auto others = contacts_of(l.members, self_id()); !own->second.removed && !others.empty())
      l.entry.contacts = std::move(others);
  }
  if (auto kept = remember_library(setup_->catalog.data_dir, l.entry); !kept)
    about("node", {{"library", to_string(l.entry.id)}})
        ->error("library {}: {}", l.entry.name, kept.err().message);
  update_peers();
  for (const auto& [device, p] : peers_)
    if (p.link && l.wants(device, self_id()) && !before.wants(device, self_id()))
      self_->send(l.actor, session_up{device, p.number, p.link});
  dial_due();
}

void node_loop::on(const drop_peer& d) {
  const auto it = peers_.find(d.peer);
  if (it == peers_.end() || !it->second.link || it->second.number != d.number)
    return;
  if (may_say(it->second))
    about("peer_link", {{"peer", to_string(d.peer)}})
        ->warn("dropping the link to {}: {}", to_string(d.peer), d.reason);
  if (d.breach)
    note_breach(d.peer, it->second, d.reason, d.hearsay);
  it->second.drop_reason = d.reason;
  self_->send(it->second.link, transport::close_link{d.reason});
}

void node_loop::on(const dial_now&) {
  for (auto& [device, p] : peers_) {
    p.wait.hurry();
    p.rest.lift();
    p.dialled_us = 0;
  }
  dial_due();
}

void node_loop::on(const link_anew& l) {
  for (const auto& [device, p] : peers_)
    if (p.link)
      on(drop_peer{device, p.number, l.reason, false, false});
}

void node_loop::on(const node_tick&) {
  step_closing();
  step_next();
  for (const auto& over : setup_->alarms->expire(mono_us()))
    spdlog::info("alarm is over: {}", over);
  if (stop_at_us_ != 0) {
    finish_stop();
  } else {
    open_again();
    dial_due();
  }
  self_->delayed_send(self_, std::chrono::microseconds(tick_us), node_tick{});
}

/// Libraries offer what peers lack and say goodbye, then links end, then all is done.
void node_loop::on(const stop_node&) {
  if (stop_at_us_ != 0)
    return;
  stop_at_us_ = mono_us() + limits::offer_ms * 1000 + stop_links_us;
  self_->send_exit(listener_, caf::exit_reason::user_shutdown);
  self_->send_exit(dialer_, caf::exit_reason::user_shutdown);
  for (auto& [id, l] : libraries_)
    if (l.actor)
      self_->send(l.actor, stop_library{"stopping", false});
  for (auto& [id, d] : departed_)
    self_->send_exit(d.actor, caf::exit_reason::user_shutdown);
  finish_stop();
}

void node_loop::finish_stop() {
  const auto now = mono_us();
  if (!links_told_) {
    const bool busy = std::any_of(libraries_.begin(), libraries_.end(),
                                  [](const auto& l) { return l.second.actor; });
    if (busy && now < stop_at_us_)
      return;
    links_told_ = true;
    stop_at_us_ = now + stop_links_us;
    setup_->catalog.directory->clear();
    for (auto& [device, p] : peers_) {
      if (p.link)
        self_->send(p.link, transport::close_link{"stopping"});
      if (p.next)
        give_up_next(p, "stopping");
    }
  }
  for (const auto& [device, p] : peers_)
    if (p.link && now < stop_at_us_)
      return;
  setup_->stopped.set_value();
  self_->quit();
}

caf::behavior node_actor(caf::event_based_actor* self, std::shared_ptr<node_setup> setup) {
  auto loop = std::make_shared<node_loop>(self, setup);
  loop->start();
  return {
      [=](const transport::link_up& x) {
        loop->on(x);
        loop->dial_next();
      },
      [=](const transport::link_down& x) { loop->on(x); },
      [=](const transport::dial_failed& x) {
        loop->on(x);
        loop->dial_next();
      },
      [=](const transport::link_refused& x) { loop->on(x); },
      [=](const link_greeted& x) { loop->on(x); },
      [=](const link_alive& x) { loop->on(x); },
      [=](const duplicate_reported& x) { loop->on(x); },
      [=](const members_changed& x) { loop->on(x); },
      [=](const drop_peer& x) { loop->on(x); },
      [=](create_library_request& x) { loop->on(x); },
      [=](library_order& x) { loop->on(x); },
      [=](const library_stopped& x) { loop->on(x); },
      [=](const departure_heard& x) { loop->on(x); },
      [=](const library_damaged& x) { loop->on(x); },
      [=](const library_out_of_room& x) { loop->on(x); },
      [=](node_step& x) { (*x.run)(); },
      [=](const dial_now& x) { loop->on(x); },
      [=](const link_anew& x) { loop->on(x); },
      [=](const node_tick& x) { loop->on(x); },
      [=](const stop_node& x) { loop->on(x); },
      [](const pulse&) {},
  };
}

} // namespace shoal
