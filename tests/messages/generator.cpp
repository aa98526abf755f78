#include "generator.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>

namespace shoal::tests {

uint64_t test_seed() {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << " (repeat with SHOAL_SEED=" << seed << ")\n";
  return seed;
}

uint64_t generator::number() {
  static constexpr uint64_t edges[] = {0,          1,           0x7f,      0x80,       0xff,
                                       0x100,      0xffff,      0x10000,   0x7fffffff, 0x80000000,
                                       0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX};
  switch (upto(2)) {
  case 0: return upto(100);
  case 1: return edges[upto(std::size(edges) - 1)];
  default: return engine_();
  }
}

std::string generator::text(size_t most) {
  static constexpr std::string_view letters[] = {
      "a", "Z", "_", "0", "\x7f", "é", "߿", "€", "\xef\xbf\xbd", "𐍈"};
  std::string out;
  for (uint64_t n = upto(most); n > 0; --n) {
    const auto letter = letters[upto(std::size(letters) - 1)];
    if (out.size() + letter.size() > most)
      break;
    out += letter;
  }
  return out;
}

std::string generator::bytes(size_t size) {
  std::string out(size, '\0');
  for (auto& c : out)
    c = static_cast<char>(upto(255));
  return out;
}

frontier generator::held(size_t most) {
  frontier f;
  for (uint64_t n = upto(most); n > 0; --n)
    f[stream()] = number();
  return f;
}

member_set generator::members(size_t most) {
  member_set set;
  for (uint64_t n = upto(most); n > 0; --n)
    set[id<device_id>()] = {number(), coin(),   coin(),
                            number(), text(40), text(wire_limits::text_bytes)};
  return set;
}

void generator::put_value(writer& w, size_t depth) {
  switch (upto(depth == 0 ? 6 : 8)) {
  case 0: return w.nil();
  case 1: return w.boolean(coin());
  case 2: return w.uint(number() & INT64_MAX);
  case 3: return w.integer(-static_cast<int64_t>(number() & INT64_MAX) - 1);
  case 4: return w.real(static_cast<double>(number()) / 8 - 1e6);
  case 5: return w.str(text(40));
  case 6: return w.bin(id<record_id>().view());
  case 7: {
    const auto n = upto(4);
    w.array(n);
    for (uint64_t i = 0; i < n; ++i)
      put_value(w, depth - 1);
    return;
  }
  default: {
    std::set<std::string> keys;
    for (uint64_t n = upto(4); n > 0; --n)
      keys.insert(text(8));
    w.map(keys.size());
    for (const auto& key : keys) {
      w.str(key);
      put_value(w, depth - 1);
    }
  }
  }
}

std::string generator::value(size_t depth) {
  std::string out;
  writer w(out);
  put_value(w, depth);
  return out;
}

previous generator::make_previous() {
  switch (upto(2)) {
  case 0: return {};
  case 1: return {previous::state::unknown, {}};
  default: return {previous::state::stamp, stamp()};
  }
}

field_op generator::make_field(std::string name) {
  field_op f;
  f.name = std::move(name);
  f.kind = static_cast<field_kind>(upto(4));
  switch (f.kind) {
  case field_kind::parent: f.parent_model = text(wire_limits::name_bytes); [[fallthrough]];
  case field_kind::lww:
    f.value = value();
    f.prev = make_previous();
    break;
  case field_kind::set:
    f.elements.resize(upto(4));
    for (auto& e : f.elements) {
      e.element = value(1);
      e.adds = coin();
      e.removes.resize(upto(3));
      for (auto& d : e.removes)
        d = {id<device_id>(), number(), number()};
    }
    break;
  case field_kind::counter:
    f.added = number();
    f.subtracted = number();
    break;
  case field_kind::map:
    f.keys.resize(upto(4));
    for (auto& k : f.keys)
      k = {text(20), value(2), make_previous()};
    break;
  }
  return f;
}

op generator::make_op() {
  op o;
  o.seq = std::max<uint64_t>(1, number());
  o.batch_rest = static_cast<uint32_t>(upto(wire_limits::batch_ops));
  o.stamp = stamp();
  o.cls = static_cast<record_class>(upto(1));
  o.kind = static_cast<op_kind>(upto(2));
  o.model = text(wire_limits::name_bytes);
  o.id = id<record_id>();
  std::set<std::string> names;
  for (uint64_t n = upto(5); n > 0; --n)
    names.insert(text(wire_limits::name_bytes));
  for (const auto& name : names)
    o.fields.push_back(make_field(name));
  return o;
}

range generator::make_range() {
  range r;
  r.stream = stream();
  r.from = number() / 2;
  r.log_complete = coin();
  r.more = coin();
  r.until = held(2);
  for (uint64_t n = upto(3); n > 0; --n)
    r.unmerged.push_back({id<device_id>(), number(), number()});
  uint64_t seq = r.from;
  r.count = static_cast<uint32_t>(upto(4));
  for (uint32_t i = 0; i < r.count; ++i) {
    auto o = make_op();
    o.seq = seq += 1 + upto(3);
    o.stamp.device = r.stream.origin;
    r.ops += encode_op(o);
  }
  r.to = seq + (r.count == 0 ? 1 : upto(1));
  r.repair = coin();
  if (r.repair && coin())
    r.unread = number();
  r.compressed = coin();
  return r;
}

statement generator::make_statement() {
  const auto f = held();
  std::map<device_id, uint64_t> ended;
  if (!f.empty() && coin())
    ended[f.begin()->first.origin] = UINT64_MAX;
  return {id<device_id>(),         number(),         number(),        fold(f, ended),
          coin() ? bytes(16) : "", bytes(upto(256)), bytes(upto(256))};
}

message generator::make_message(message_kind kind) {
  switch (kind) {
  case message_kind::hello:
    return hello{number32(), number(),  number(), text(wire_limits::text_bytes),
                 number(),   members(), held(),   coin(),
                 number(),   held(),    coin(),   number(),
                 number()};
  case message_kind::goodbye: return goodbye{text(wire_limits::text_bytes), held()};
  case message_kind::error:
    return error_message{text(wire_limits::text_bytes), text(wire_limits::text_bytes)};
  case message_kind::heartbeat:
    return heartbeat{number(),
                     number(),
                     number(),
                     number(),
                     number(),
                     number(),
                     bytes(coin() ? 16 : 0),
                     coin(),
                     coin() ? number() : 0};
  case message_kind::statement: return make_statement();
  case message_kind::watermark_exchange_request:
  case message_kind::watermark_exchange_response: {
    watermark_exchange m{
        kind == message_kind::watermark_exchange_response, held(), members(), {}, {}};
    for (auto n = upto(3); n > 0; --n)
      m.known[id<device_id>()] = {number(), number()};
    m.statements.resize(upto(3));
    for (auto& s : m.statements)
      s = make_statement();
    return m;
  }
  case message_kind::state_change:
  case message_kind::state_batch:
  case message_kind::state_response:
  case message_kind::shared_change:
  case message_kind::shared_change_batch:
  case message_kind::shared_change_response: return range_message{kind, make_range()};
  case message_kind::state_request: {
    state_request m;
    m.origin = id<device_id>();
    m.follow = coin();
    m.stop = coin();
    m.comparing = coin();
    for (uint64_t n = upto(4); n > 0; --n)
      m.from[number()] = number();
    return m;
  }
  case message_kind::ack_shared_changes: return link_ack{held(), number()};
  case message_kind::compare_request: {
    const auto from = number() / 2;
    return compare_request{stream(), from, from + 1 + upto(9)};
  }
  case message_kind::shared_change_request: {
    const auto from = number() / 2;
    return shared_change_request{stream(), from, from + 1 + upto(9)};
  }
  case message_kind::compare_response: {
    compare_response m{stream(), number() / 2, 0, {}};
    m.to = m.from;
    for (uint64_t n = upto(5); n > 0; --n)
      m.sums.push_back({m.to += 1 + upto(9), number(), number()});
    m.to += upto(3);
    return m;
  }
  case message_kind::snapshot_required:
    return snapshot_required{held(), coin() ? std::optional(make_statement()) : std::nullopt};
  }
  return goodbye{};
}

envelope generator::make_envelope(message_kind kind) {
  return {id<library_id>(), id<device_id>(), number(), make_message(kind)};
}

} // namespace shoal::tests
