#include "tests/attack/rogue.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::attack {

uint64_t now_ms() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

std::string to_string(reaction r) {
  switch (r) {
  case reaction::answered: return "answered";
  case reaction::cut_off: return "cut off";
  case reaction::silent: return "silent";
  }
  return "unknown";
}

rogue::rogue(const nodes::fs::path& dir, const library_id& library)
    : library_(library), nonce_(now_ms()) {
  auto key = transport::load_identity(dir / "device.key", dir / "device.crt");
  BOOST_REQUIRE_MESSAGE(key.ok(), "the rogue has no key");
  key_ = std::move(*key);
  auto context = transport::tls_context::make(key_, [](const device_id&) { return true; });
  BOOST_REQUIRE(context.ok());
  context_ = std::move(*context);
  stream_ = {key_.device(), (now_ms() / 1000) << 30};
}

bool rogue::connect(uint16_t port) {
  hang_up();
  heard_.clear();
  splitter_ = {};
  std::vector<std::string> none;
  (void)splitter_.raise_limit(none);
  client_ = std::make_unique<transport::test::raw_client>(port);
  session_ =
      std::make_unique<transport::tls_session>(context_, transport::tls_session::side::client);
  std::vector<char> out;
  if (!client_->connected() || !session_->start(out) || !client_->send({out.data(), out.size()}))
    return false;
  const auto until = monotonic::now() + patience;
  while (session_->current() == transport::tls_session::state::handshaking)
    if (read(until) != link::open)
      return false;
  target_ = session_->peer().value_or(device_id{});
  return session_->current() == transport::tls_session::state::up;
}

hello rogue::greeting() const {
  hello m;
  m.boot_nonce = nonce_;
  m.name = "rogue";
  m.members = seen_.members;
  m.held = seen_.held;
  m.asks = true;
  return m;
}

bool rogue::meet(uint16_t port) {
  if (!connect(port) || !say(greeting()))
    return false;
  auto answer = hear<hello>();
  if (answer)
    seen_ = std::move(*answer);
  return answer.has_value();
}

std::string rogue::encoded(const message& body) const {
  return encode_frame({library_, device(), now_ms(), body})->substr(4);
}

bool rogue::say_payload(const std::string& payload) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8)
    frame += static_cast<char>(payload.size() >> shift & 0xff);
  return say_bytes(frame + payload);
}

bool rogue::say_bytes(std::string_view plain) {
  std::vector<char> out;
  return session_ && session_->send(plain, out).ok() && client_->send({out.data(), out.size()});
}

rogue::link rogue::read(monotonic::time_point until) {
  if (!session_)
    return link::ended;
  std::string in;
  if (!client_->read(in, until)) {
    hang_up();
    return link::ended;
  }
  if (in.empty())
    return link::quiet;
  std::string plain;
  std::vector<char> out;
  const bool good = session_->receive(in, plain, out).ok();
  if (!out.empty())
    (void)client_->send({out.data(), out.size()});
  std::vector<std::string> payloads;
  const bool whole = splitter_.push(plain, payloads).ok();
  for (const auto& payload : payloads) {
    auto decoded = decode_envelope(payload);
    if (decoded && decoded->library == library_)
      heard_.push_back(std::move(decoded->body));
  }
  if (!good || !whole || session_->current() == transport::tls_session::state::closed) {
    hang_up();
    return link::ended;
  }
  return link::open;
}

reaction rogue::after(std::chrono::milliseconds limit) {
  // A first heartbeat is answered at once while the round trip is not known; this end never
  // answers one, so that it stays so.
  heartbeat beat;
  beat.ping = ++ping_;
  beat.frontier_hash = hash_of(seen_.held);
  beat.members_hash = hash_of(seen_.members);
  (void)say(beat);
  const auto until = monotonic::now() + limit;
  // A session that a Goodbye ended does not answer; a Hello begins another.
  bool greeted = false;
  const auto greet_at = monotonic::now() + std::min<std::chrono::milliseconds>(limit, 300ms);
  for (;;) {
    while (!heard_.empty()) {
      const auto next = std::move(heard_.front());
      heard_.pop_front();
      if (const auto* h = std::get_if<heartbeat>(&next); h != nullptr && h->echo == ping_)
        return reaction::answered;
      if (greeted && std::holds_alternative<hello>(next))
        return reaction::answered;
    }
    const auto got = read(greeted ? until : greet_at);
    if (got == link::ended)
      return reaction::cut_off;
    if (got == link::quiet && monotonic::now() >= until)
      return reaction::silent;
    if (got == link::quiet && !greeted) {
      (void)say(greeting());
      greeted = true;
    }
  }
}

bool rogue::cut_off(std::chrono::milliseconds limit) {
  const auto until = monotonic::now() + limit;
  for (;;) {
    const auto got = read(until);
    heard_.clear();
    if (got == link::ended)
      return true;
    if (got == link::quiet)
      return false;
  }
}

statement rogue::word(frontier held) {
  statement s;
  s.member = device();
  s.number = std::max(now_ms() * 1000, number_ + 1);
  number_ = s.number;
  s.membership = membership_hash(seen_.members);
  s.held.open = std::move(held);
  s.public_key = key_.public_key();
  s.signature = key_.sign(signed_bytes(s, library_));
  return s;
}

range rogue::range_of(const std::vector<op>& ops) const {
  range r;
  r.stream = stream_;
  r.from = held();
  r.to = held() + ops.size();
  r.count = static_cast<uint32_t>(ops.size());
  for (const auto& o : ops)
    r.ops += encode_op(o);
  return r;
}

op rogue::made(record_class cls, const std::string& model, uint64_t ahead, uint64_t wall_ms) const {
  static uint64_t made_ids = 0;
  op o;
  o.seq = held() + ahead;
  o.stamp = {wall_ms == 0 ? now_ms() : wall_ms, static_cast<uint32_t>(ahead), device()};
  o.cls = cls;
  o.model = model;
  o.id = uuid_v5(dns_namespace(), std::to_string(stream_.epoch) + "/" + std::to_string(++made_ids));
  return o;
}

} // namespace shoal::attack
