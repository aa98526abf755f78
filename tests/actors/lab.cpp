#include "tests/actors/lab.hpp"

#include "actors/logging.hpp"
#include "actors/peer_link.hpp"
#include "actors/reader.hpp"
#include "messages/writer.hpp"
#include "store/models/json.hpp"
#include "store/sync/records.hpp"
#include "tests/actors/keys.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/all.hpp>

#include <cstdlib>

namespace shoal::test {

caf_config::caf_config() {
  add_message_types<caf::id_block::shoal_transport>();
  add_message_types<caf::id_block::shoal_node>();
  set("scheduler.policy", caf::atom("testing"));
}

scratch_folder::scratch_folder() {
  auto pattern = (std::filesystem::temp_directory_path() / "shoal-actors-XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}
scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

/// In the place of a transport link: what it is given goes onto the wire.
caf::behavior wire_end(caf::event_based_actor*, lab* all, uint64_t number, size_t side) {
  return {
      [=](const transport::frames_out& f) { all->sent(number, side, f.frames); },
      [=](const transport::close_link& c) { all->end(number, c.reason, 0); },
  };
}

/// In the place of the node actor: notes what it is told, and ends the connections that it is told
/// to end.
caf::behavior stand_in(caf::event_based_actor*, lab* all, size_t n, uint64_t start) {
  const auto of_now = [=] { return all->nodes_[n].starts == start && all->up(n); };
  return {
      [=](const drop_peer& d) {
        if (!of_now())
          return;
        all->drops.push_back({n, d.peer, d.reason, all->now()});
        all->end(d.number, d.reason, second); // a real node dials again
      },
      [=](const library_stopped&) {
        if (of_now())
          all->stopped.push_back(n);
      },
      // Not by a default handler: CAF tells senders of what that drops, and they end.
      [](const members_changed&) {},
      [](const link_greeted&) {},
      [](const dial_now&) {},
  };
}

lab::lab(uint64_t seed, size_t nodes)
    : random_(seed), system_(std::make_unique<caf::actor_system>(config_)),
      scheduler_(&dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler())) {
  static const bool quiet = [] {
    config::log_options none;
    none.level = "off";
    start_logging(none);
    return true;
  }();
  static_cast<void>(quiet);
  library_.bytes.fill(0x11);
  nodes_.resize(nodes);
  member_set members;
  for (size_t n = 0; n < nodes; ++n) {
    nodes_[n].key = fixed_key(n);
    members[nodes_[n].key.device()] = {};
  }
  for (size_t n = 0; n < nodes; ++n) {
    auto& one = nodes_[n];
    one.folder = folder_.path() / std::to_string(n);
    one.skew_ms = random_.below(2000);
    one.entry.id = library_;
    one.entry.name = "photos";
    one.entry.configured = true;
    one.entry.members = members;
    std::filesystem::create_directories(one.folder / "marks");
    start(n);
  }
}

lab::~lab() {
  connections_.clear();
  for (size_t n = 0; n < nodes_.size(); ++n)
    turn_off(n);
  while (scheduler_->try_run_once()) {
  }
  nodes_.clear();
}

uint64_t lab::now() const {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   scheduler_->clock().now().time_since_epoch())
                                   .count());
}

void lab::start(size_t n) {
  auto& one = nodes_[n];
  if (one.running)
    return;
  ++one.starts;
  one.power = std::make_shared<powered_disk>(one.files);
  one.counted = std::make_shared<metrics>();
  one.directory = std::make_shared<library_directory>();
  one.stand_in = system_->spawn(stand_in, this, n, one.starts);
  const auto defaults = config::parse({"/shoal.toml", {"shoal.toml", ""}, {}}, {});
  BOOST_REQUIRE(defaults.ok());
  catalog_setup setup;
  setup.data_dir = one.folder;
  setup.key = one.key;
  setup.node_name = "node " + std::to_string(n);
  setup.boot_nonce = random_.next();
  setup.sync = defaults->sync;
  setup.retention = defaults->retention;
  setup.disk = std::make_shared<disk_space>(one.folder, 0);
  setup.counted = one.counted;
  setup.readers = {system_->spawn(range_reader, size_t{0})};
  setup.directory = one.directory;
  setup.dials = std::make_shared<dial_board>();
  setup.models = std::make_shared<current_models>(models::registry());
  setup.time.mono_us = [this] { return now(); };
  setup.time.wall_ms = [this, skew = one.skew_ms] {
    return 1'700'000'000'000 + skew + now() / 1000;
  };
  setup.random_epoch = [this] { return random_.next(); };
  setup.on_scheduler = true;
  if (n % 2 == 0) // every second node makes its next group while the one before is committed
    setup.aside_bytes_min = 0;
  setup.aside = [this](auto commit, auto ended) {
    at(random_.below(20'000), ended); // the writer may wait for it sooner
    return std::async(std::launch::deferred, commit);
  };
  auto running = start_library(
      *system_, setup, one.entry, one.power,
      [power = std::weak_ptr(one.power)](const error& e) {
        const auto held = power.lock();
        BOOST_CHECK_MESSAGE(!held || !held->on(), "the store failed: " << e.message);
      },
      one.stand_in);
  BOOST_REQUIRE_MESSAGE(running.ok(), (running.ok() ? std::string() : running.err().message));
  one.actors = {one.stand_in, setup.readers.front(), running->actor, running->writer};
  one.running = std::move(*running);
  for (size_t other = 0; other < nodes_.size(); ++other)
    if (other != n && up(other))
      connect(n, other);
}

void lab::turn_off(size_t n) {
  auto& one = nodes_[n];
  if (one.power)
    one.power->turn_off();
  for (const auto& a : one.actors)
    caf::anon_send_exit(a, caf::exit_reason::kill);
  one.actors.clear();
  one.stand_in = nullptr;
  one.running.reset();
  one.power.reset();
  one.directory.reset();
}

void lab::crash(size_t n) {
  std::vector<uint64_t> ends;
  for (const auto& [number, c] : connections_)
    if (c.ends[0] == n || c.ends[1] == n)
      ends.push_back(number);
  turn_off(n);
  for (const auto number : ends)
    end(number, "connection reset", 0);
  note(0xdead + n);
}

void lab::crash_at_commit(size_t n, uint64_t commits, bool kept, uint64_t us) {
  nodes_[n].power->fail_in(commits, kept, [this, n, us] {
    at(0, [this, n] { crash(n); }); // not within the commit, which is the writer's
    at(us, [this, n] { start(n); });
  });
}

lab::connection* lab::between(size_t a, size_t b) {
  for (auto& [number, c] : connections_)
    if (c.ends == std::array{a, b} || c.ends == std::array{b, a})
      return &c;
  return nullptr;
}

void lab::connect(size_t a, size_t b) {
  if (!up(a) || !up(b) || between(a, b))
    return;
  const auto number = next_number_++;
  auto& c = connections_[number];
  c.ends = {a, b};
  c.number = number;
  for (size_t side = 0; side < 2; ++side)
    c.wires[side].link = system_->spawn(wire_end, this, number, side);
  for (size_t side = 0; side < 2; ++side) {
    auto& from = nodes_[c.ends[side]];
    const auto peer = nodes_[c.ends[1 - side]].key.device();
    auto& in = c.wires[1 - side]; // what this end receives
    in.to = c.ends[side];
    peer_link_setup setup{from.key.device(), peer,           number, c.wires[side].link,
                          from.stand_in,     from.directory, false,  {}};
    setup.time.mono_us = [this] { return now(); };
    setup.time.wall_ms = [this, skew = from.skew_ms] {
      return 1'700'000'000'000 + skew + now() / 1000;
    };
    in.reader = system_->spawn(peer_link, std::move(setup));
    std::vector<std::string> none;
    BOOST_REQUIRE(in.splitter.raise_limit(none).ok()); // the node does so for members at once
    from.actors.push_back(in.reader);
    from.actors.push_back(c.wires[side].link);
    caf::anon_send(from.running->actor, session_up{peer, number, c.wires[side].link});
  }
}

void lab::end(uint64_t number, const std::string& reason, uint64_t relink_us) {
  const auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  const auto ends = found->second.ends;
  for (size_t side = 0; side < 2; ++side) {
    caf::anon_send_exit(found->second.wires[side].link, caf::exit_reason::user_shutdown);
    if (const auto n = ends[side]; up(n))
      caf::anon_send(nodes_[n].running->actor,
                     session_down{nodes_[ends[1 - side]].key.device(), number, reason});
  }
  connections_.erase(found);
  if (relink_us != 0)
    at(relink_us, [this, ends] { connect(ends[0], ends[1]); });
}

void lab::cut(size_t a, size_t b, uint64_t relink_us) {
  if (const auto* c = between(a, b))
    end(c->number, "cut", relink_us);
}

void lab::cut_after(size_t a, size_t b, uint64_t bytes, uint64_t relink_us) {
  if (auto* c = between(a, b)) {
    c->bytes_left = bytes;
    c->relink_us = relink_us;
  } else {
    BOOST_FAIL("nodes " << a << " and " << b << " are not linked");
  }
}

void lab::hold(size_t a, size_t b, bool on) {
  if (auto* c = between(a, b))
    c->held = on;
}

void lab::sent(uint64_t number, size_t side, const std::vector<frame_ptr>& frames) {
  const auto found = connections_.find(number);
  if (found == connections_.end() || !up(found->second.ends[side]))
    return;
  for (const auto& f : frames)
    found->second.wires[side].bytes += *f;
}

/// Some of the bytes that wait, as TCP would cut them.
void lab::arrive(connection& c, size_t side) {
  auto& w = c.wires[side];
  auto n = random_.chance(500) ? w.bytes.size() : 1 + random_.below(w.bytes.size());
  if (c.bytes_left)
    n = std::min<uint64_t>(n, *c.bytes_left);
  std::vector<std::string> payloads;
  const auto split = w.splitter.push(std::string_view(w.bytes).substr(0, n), payloads);
  BOOST_REQUIRE_MESSAGE(split.ok(), (split.ok() ? std::string() : split.err().message));
  w.bytes.erase(0, n);
  bytes_arrived += n;
  note(n);
  if (!payloads.empty())
    caf::anon_send(w.reader, transport::frames_in{std::move(payloads), n, nullptr});
  if (c.bytes_left && (*c.bytes_left -= n) == 0)
    end(c.number, "cut", c.relink_us);
}

/// To the next thing that is due, and no further.
bool lab::pass_time() {
  const auto& due = scheduler_->clock().schedule();
  std::optional<uint64_t> next;
  if (!due.empty()) {
    const auto wait = due.begin()->first - scheduler_->clock().now();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(wait).count();
    next = now() + static_cast<uint64_t>(std::max<int64_t>(us, 0)) + 1;
  }
  if (!events_.empty())
    next = std::min(next.value_or(UINT64_MAX), events_.begin()->first);
  if (!next)
    return false;
  if (*next > now())
    scheduler_->advance_time(std::chrono::microseconds(*next - now()));
  note(now());
  return true;
}

bool lab::step() {
  if (!events_.empty() && events_.begin()->first <= now()) {
    const auto what = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    what();
    return true;
  }
  std::vector<std::pair<connection*, size_t>> busy;
  for (auto& [number, c] : connections_)
    for (size_t side = 0; side < 2; ++side)
      if (!c.held && !c.wires[side].bytes.empty())
        busy.emplace_back(&c, side);
  auto& jobs = scheduler_->jobs;
  const auto choices = jobs.size() + busy.size();
  if (choices == 0)
    return pass_time();
  if (random_.chance(5)) // actors are slow now and then, and others' timers are due meanwhile
    scheduler_->advance_time(std::chrono::microseconds(random_.below(5000)));
  const auto drawn = random_.below(choices);
  if (drawn >= jobs.size()) {
    const auto [c, side] = busy[std::min(drawn - jobs.size(), busy.size() - 1)];
    arrive(*c, side);
    return true;
  }
  note(drawn);
  const auto picked = jobs.begin() + static_cast<ptrdiff_t>(drawn);
  std::rotate(jobs.begin(), picked, picked + 1);
  return scheduler_->try_run_once();
}

void lab::run_for(uint64_t us) {
  static_cast<void>(run_until([until = now() + us, this] { return now() >= until; }, us));
}

void lab::write(size_t n, std::vector<edit> edits) {
  if (!up(n))
    return;
  auto copy = edits;
  core(n)->write(
      std::move(edits), std::nullopt,
      [this, n, start = nodes_[n].starts,
       kept = std::move(copy)](const result<api::write_answer>& r) {
        if (nodes_.empty() || nodes_[n].starts != start)
          return; // a client of a node that is gone hears nothing
        answers.push_back({n, kept, r ? std::optional<error>() : std::optional(r.err())});
      });
}

void lab::send(size_t n, stop_library what) { caf::anon_send(actor(n), std::move(what)); }

bool lab::level() {
  std::optional<std::string> digest;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!up(n))
      return false;
    const auto s = core(n)->status();
    if (!s.converged || s.state != "ready" || !s.settled || digest.value_or(s.digest) != s.digest)
      return false;
    digest = s.digest;
  }
  return true;
}

std::string lab::records(size_t n) const {
  const auto& view = *nodes_[n].files;
  std::string out;
  const auto present = models_present(view);
  BOOST_REQUIRE(present.ok());
  for (const auto& [cls, model] : *present) {
    const auto listed = list_records(view, cls, model, nullptr, false, [&](record_view&& record) {
      out += models::to_json(record).dump() + "\n";
      return true;
    });
    BOOST_REQUIRE(listed.ok());
  }
  return out;
}

uint64_t lab::diverged(size_t n) {
  return static_cast<uint64_t>(nodes_[n].counted->add_library("photos").digest_mismatch->Value());
}

record_id record_of(uint64_t number) {
  record_id id;
  id.bytes.fill(0x77);
  for (size_t i = 0; i < 8; ++i)
    id.bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

uint64_t number_of(const record_id& id) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i)
    number |= uint64_t{id.bytes[i]} << (8 * i);
  return number;
}

static field_edit text_field(std::string name, const std::string& text) {
  field_edit f;
  f.name = std::move(name);
  writer(f.value).str(text);
  return f;
}

edit tag_edit(uint64_t number, const std::string& name, const std::string& color) {
  edit e;
  e.model = "tag";
  e.id = record_of(number);
  e.fields = {text_field("canonical_name", name), text_field("color", color)};
  return e;
}

edit volume_edit(uint64_t number, const std::string& name) {
  edit e;
  e.cls = record_class::owned;
  e.model = "volume";
  e.id = record_of(number);
  e.fields = {text_field("name", name)};
  return e;
}

edit remove_edit(uint64_t number) {
  edit e;
  e.model = "tag";
  e.id = record_of(number);
  e.remove = true;
  return e;
}

} // namespace shoal::test
