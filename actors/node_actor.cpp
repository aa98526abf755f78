#include "actors/node_actor.hpp"

#include "actors/clocks.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <random>

namespace shoal {

namespace {

constexpr uint64_t tick_us = 100'000;         // how late a dial may be
constexpr uint64_t stop_links_us = 1'000'000; // for the goodbyes of a node that stops

class node_loop {
public:
  node_loop(caf::event_based_actor* self, std::shared_ptr<node_setup> setup)
      : self_(self), setup_(std::move(setup)), random_(random_u64()) {}

  void start();
  void on(const transport::link_up& up);
  void on(const transport::link_down& down);
  void on(const transport::dial_failed& failed);
  void on(const members_changed& m);
  void on(const drop_peer& d);
  void on(create_library_request& c);
  void on(const dial_now&);
  void on(const node_tick&);
  void on(const stop_node&);

private:
  struct peer {
    caf::actor link;       // null: not linked
    uint64_t number = 0;   // of the connection
    bool outbound = false; // this node dialled it
    uint64_t since_us = 0;
    bool dialling = false;
    size_t next_address = 0;
    protocol::backoff wait;
    std::vector<config::address> addresses;
    std::string drop_reason; // why this node ends the link
  };
  struct library {
    caf::actor actor;
    member_set members;
    bool sync = true;
  };

  status open_one(const library_entry& entry);
  void each_library_of(const device_id& device, const std::function<void(library&)>& on);
  void update_peers();
  void dial_due();
  void finish_stop();
  const device_id& self_id() const { return setup_->catalog.key.device(); }

  caf::event_based_actor* self_;
  std::shared_ptr<node_setup> setup_;
  std::mt19937_64 random_;
  caf::actor listener_;
  caf::actor dialer_;
  std::map<device_id, peer> peers_;
  std::map<library_id, library> libraries_;
  uint64_t next_number_ = 1;
  uint64_t stop_at_us_ = 0; // 0: running
};

void node_loop::start() {
  transport::link_context context;
  context.tls = setup_->tls;
  context.owner = caf::actor_cast<caf::actor>(self_);
  context.counters = setup_->traffic;
  for (const auto& entry : setup_->entries)
    if (auto opened = open_one(entry); !opened)
      return setup_->started.set_value(std::move(opened));
  update_peers();
  dialer_ = transport::spawn_dialer(self_->home_system(), context);
  listener_ = transport::spawn_listener(self_->home_system(), std::move(*setup_->socket), context);
  setup_->started.set_value(success());
  dial_due();
  self_->delayed_send(self_, std::chrono::microseconds(tick_us), node_tick{});
}

status node_loop::open_one(const library_entry& entry) {
  auto opened =
      open(self_->home_system(), setup_->catalog, entry, caf::actor_cast<caf::actor>(self_));
  if (!opened)
    return opened.err();
  libraries_[entry.id] = {opened->actor, opened->members, entry.sync};
  setup_->open->add(std::move(*opened));
  return success();
}

void node_loop::each_library_of(const device_id& device, const std::function<void(library&)>& on) {
  for (auto& [id, l] : libraries_)
    if (l.sync && is_member(l.members, device))
      on(l);
}

/// Whom to accept and whom to dial, from all member sets and the configuration.
void node_loop::update_peers() {
  std::map<device_id, std::vector<config::address>> wanted;
  const auto add = [](std::vector<config::address>& to, const config::address& a) {
    if (a.port != 0 && std::find(to.begin(), to.end(), a) == to.end())
      to.push_back(a);
  };
  for (const auto& l : setup_->options.libraries)
    if (const auto it = libraries_.find(l.id); it != libraries_.end() && l.sync)
      for (const auto& m : l.members)
        if (m.at && m.device != self_id() && is_member(it->second.members, m.device))
          add(wanted[m.device], *m.at);
  std::unordered_set<device_id> accepted;
  for (const auto& [id, l] : libraries_) {
    if (!l.sync)
      continue;
    for (const auto& [device, m] : l.members) {
      if (m.removed || device == self_id())
        continue;
      accepted.insert(device);
      if (setup_->options.sync.dial == config::dial_policy::all && !m.address.empty())
        if (auto a = config::parse_address(m.address, config::port_zero::refused))
          add(wanted[device], *a);
    }
  }
  setup_->accepted->set(std::move(accepted));
  const auto& sync = setup_->options.sync;
  for (auto& [device, addresses] : wanted) {
    auto [it, fresh] = peers_.try_emplace(device);
    if (fresh)
      it->second.wait =
          protocol::backoff(sync.retry_initial_ms * 1000, sync.retry_max_seconds * 1'000'000);
    else if (it->second.addresses != addresses)
      it->second.wait.hurry();
    it->second.addresses = std::move(addresses);
  }
  for (auto& [device, p] : peers_)
    if (!wanted.contains(device))
      p.addresses.clear();
}

void node_loop::dial_due() {
  const auto now = mono_us();
  for (auto& [device, p] : peers_) {
    if (p.link || p.dialling || p.addresses.empty() || !p.wait.due(now)
        || !setup_->accepted->contains(device))
      continue;
    p.dialling = true;
    self_->send(dialer_,
                transport::dial{p.addresses[p.next_address++ % p.addresses.size()], device});
  }
}

void node_loop::on(const transport::link_up& up) {
  auto [it, fresh] = peers_.try_emplace(up.peer);
  auto& p = it->second;
  if (fresh)
    p.wait = protocol::backoff(setup_->options.sync.retry_initial_ms * 1000,
                               setup_->options.sync.retry_max_seconds * 1'000'000);
  if (up.outbound)
    p.dialling = false;
  if (stop_at_us_ != 0) {
    self_->send(up.link, transport::close_link{"stopping"});
    return;
  }
  if (p.link) {
    // Two connections between the same two: the one that the lower id dialled stays; of two by the
    // same side, the newer.
    const bool lower_is_self = self_id() < up.peer;
    if (p.outbound != up.outbound && up.outbound != lower_is_self) {
      self_->send(up.link, transport::close_link{"duplicate connection"});
      return;
    }
    self_->send(p.link, transport::close_link{"duplicate connection"});
    each_library_of(up.peer, [&](library& l) {
      self_->send(l.actor, session_down{up.peer, p.number, "replaced"});
    });
  }
  p.link = up.link;
  p.outbound = up.outbound;
  p.number = next_number_++;
  p.since_us = mono_us();
  p.drop_reason.clear();
  spdlog::info("linked to {} at {}{}", to_string(up.peer), up.remote,
               up.outbound ? "" : ", which dialled");
  // The libraries hear of the link before its first frame can reach them.
  each_library_of(up.peer, [&](library& l) {
    self_->send(l.actor, session_up{up.peer, p.number, up.link});
  });
  auto receiver = self_->spawn(peer_link, peer_link_setup{self_id(), up.peer, p.number, up.link,
                                                          caf::actor_cast<caf::actor>(self_),
                                                          setup_->catalog.directory});
  self_->send(up.link, transport::attach{receiver});
  // TLS has proven a member: its Hello, which carries a member set and a frontier, may be large
  // already.
  self_->send(up.link, transport::hello_accepted{});
}

void node_loop::on(const transport::link_down& down) {
  const auto it = peers_.find(down.peer);
  if (it == peers_.end())
    return;
  auto& p = it->second;
  p.dialling = false;
  if (!p.link || p.link.address() != down.link) {
    if (!p.link)
      p.wait.failed(mono_us(), random_());
    return;
  }
  const auto reason = p.drop_reason.empty() ? down.reason : p.drop_reason;
  spdlog::info("link to {} ended: {}", to_string(down.peer), reason);
  p.link = nullptr;
  const auto now = mono_us();
  if (now - p.since_us >= limits::backoff_reset_ms * 1000)
    p.wait.succeeded();
  p.wait.failed(now, random_());
  each_library_of(down.peer, [&](library& l) {
    self_->send(l.actor, session_down{down.peer, p.number, reason});
  });
  if (stop_at_us_ != 0)
    finish_stop();
}

void node_loop::on(const transport::dial_failed& failed) {
  if (!failed.expected)
    return;
  const auto it = peers_.find(*failed.expected);
  if (it == peers_.end())
    return;
  auto& p = it->second;
  p.dialling = false;
  p.wait.failed(mono_us(), random_());
  spdlog::debug("dialling {} at {}: {}", to_string(it->first), config::to_string(failed.address),
                failed.reason);
  if (!p.link)
    each_library_of(it->first, [&](library& l) {
      self_->send(l.actor, session_down{it->first, 0, failed.reason});
    });
}

void node_loop::on(const members_changed& m) {
  const auto it = libraries_.find(m.library);
  if (it == libraries_.end() || stop_at_us_ != 0)
    return;
  auto& l = it->second;
  const auto before = std::move(l.members);
  l.members = m.members;
  update_peers();
  if (!l.sync)
    return;
  for (const auto& [device, p] : peers_)
    if (p.link && is_member(l.members, device) && !is_member(before, device))
      self_->send(l.actor, session_up{device, p.number, p.link});
  dial_due();
}

void node_loop::on(const drop_peer& d) {
  const auto it = peers_.find(d.peer);
  if (it == peers_.end() || !it->second.link || it->second.number != d.number)
    return;
  spdlog::warn("dropping the link to {}: {}", to_string(d.peer), d.reason);
  it->second.drop_reason = d.reason;
  self_->send(it->second.link, transport::close_link{d.reason});
}

void node_loop::on(create_library_request& c) {
  const auto& done = *c.done;
  for (const auto& l : setup_->open->all())
    if (l.core->name() == c.name)
      return done(error{ec::conflict, "there is a library named " + c.name + " already"});
  library_entry entry;
  entry.id = library_id{random_record_id().bytes};
  entry.name = c.name;
  if (auto opened = open_one(entry); !opened)
    return done(opened.err());
  // Behind the library's first message: the answer shows a library that is open.
  auto core = setup_->open->all().back().core;
  core->wait({}, {}, 0, 0, [done = c.done, core](const result<api::wait_answer>&) {
    (*done)(std::static_pointer_cast<api::library>(core));
  });
}

void node_loop::on(const dial_now&) {
  for (auto& [device, p] : peers_)
    p.wait.hurry();
  dial_due();
}

void node_loop::on(const node_tick&) {
  if (stop_at_us_ != 0) {
    finish_stop();
  } else {
    dial_due();
  }
  self_->delayed_send(self_, std::chrono::microseconds(tick_us), node_tick{});
}

void node_loop::on(const stop_node&) {
  if (stop_at_us_ != 0)
    return;
  stop_at_us_ = mono_us() + stop_links_us;
  self_->send_exit(listener_, caf::exit_reason::user_shutdown);
  self_->send_exit(dialer_, caf::exit_reason::user_shutdown);
  setup_->catalog.directory->clear();
  for (auto& [id, l] : libraries_)
    self_->send(l.actor, stop_library{});
  for (auto& [device, p] : peers_)
    if (p.link)
      self_->send(p.link, transport::close_link{"stopping"});
  finish_stop();
}

void node_loop::finish_stop() {
  for (const auto& [device, p] : peers_)
    if (p.link && mono_us() < stop_at_us_)
      return;
  setup_->stopped.set_value();
  self_->quit();
}

} // namespace

caf::behavior node_actor(caf::event_based_actor* self, std::shared_ptr<node_setup> setup) {
  auto loop = std::make_shared<node_loop>(self, setup);
  loop->start();
  return {
      [=](const transport::link_up& x) { loop->on(x); },
      [=](const transport::link_down& x) { loop->on(x); },
      [=](const transport::dial_failed& x) { loop->on(x); },
      [=](const transport::link_refused& x) {
        spdlog::info("refused a connection from {}: {}{}", x.remote, x.reason,
                     x.others ? " (and " + std::to_string(x.others) + " more)" : "");
      },
      [=](const members_changed& x) { loop->on(x); },
      [=](const drop_peer& x) { loop->on(x); },
      [=](create_library_request& x) { loop->on(x); },
      [=](const dial_now& x) { loop->on(x); },
      [=](const node_tick& x) { loop->on(x); },
      [=](const stop_node& x) { loop->on(x); },
  };
}

} // namespace shoal
