#include "messages/message.hpp"

#include "messages/keyed.hpp"
#include "messages/range_bodies.hpp"

namespace shoal {

using namespace wire_limits;

std::string_view to_string(message_kind kind) {
  switch (kind) {
  case message_kind::hello: return "Hello";
  case message_kind::goodbye: return "Goodbye";
  case message_kind::error: return "Error";
  case message_kind::heartbeat: return "Heartbeat";
  case message_kind::statement: return "Statement";
  case message_kind::watermark_exchange_request: return "WatermarkExchangeRequest";
  case message_kind::watermark_exchange_response: return "WatermarkExchangeResponse";
  case message_kind::state_change: return "StateChange";
  case message_kind::state_batch: return "StateBatch";
  case message_kind::state_request: return "StateRequest";
  case message_kind::state_response: return "StateResponse";
  case message_kind::shared_change: return "SharedChange";
  case message_kind::shared_change_batch: return "SharedChangeBatch";
  case message_kind::shared_change_response: return "SharedChangeResponse";
  case message_kind::ack_shared_changes: return "AckSharedChanges";
  case message_kind::shared_change_request: return "SharedChangeRequest";
  case message_kind::compare_request: return "CompareRequest";
  case message_kind::compare_response: return "CompareResponse";
  case message_kind::snapshot_required: return "SnapshotRequired";
  }
  return "unknown";
}

namespace {

void body_of(writer& w, const hello& m) {
  w.map(7U + (m.filling ? 1U : 0U) + (m.records != 0 ? 1U : 0U) + (m.deletes_from.empty() ? 0U : 1U)
        + (m.models != 0 ? 1U : 0U) + (m.asks ? 1U : 0U) + (m.statements != 0 ? 1U : 0U));
  if (m.asks)
    w.str("asks"), w.boolean(true);
  w.str("boot"), w.uint(m.boot_nonce);
  w.str("caps"), w.uint(m.capabilities);
  if (!m.deletes_from.empty())
    w.str("deletes"), encode(w, m.deletes_from);
  if (m.filling)
    w.str("filling"), w.boolean(true);
  w.str("held"), encode(w, m.held);
  w.str("members"), encode(w, m.members);
  w.str("minor"), w.uint(m.minor);
  if (m.models != 0)
    w.str("models"), w.uint(m.models);
  w.str("name"), w.str(m.name);
  if (m.records != 0)
    w.str("records"), w.uint(m.records);
  if (m.statements != 0)
    w.str("statements"), w.uint(m.statements);
  w.str("window"), w.uint(m.window);
}
hello read_hello(reader& in) {
  hello m;
  each_key(in, "Hello", [&](std::string_view key) {
    if (key == "boot")
      m.boot_nonce = in.uint("boot");
    else if (key == "caps")
      m.capabilities = in.uint("caps");
    else if (key == "deletes")
      m.deletes_from = read_frontier(in);
    else if (key == "asks")
      m.asks = in.boolean("asks");
    else if (key == "filling")
      m.filling = in.boolean("filling");
    else if (key == "held")
      m.held = read_frontier(in);
    else if (key == "members")
      m.members = read_member_set(in);
    else if (key == "minor")
      m.minor = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "minor"));
    else if (key == "models")
      m.models = in.uint("models");
    else if (key == "name")
      m.name = in.str(text_bytes, "name");
    else if (key == "records")
      m.records = in.uint("records");
    else if (key == "statements")
      m.statements = in.uint("statements");
    else if (key == "window")
      m.window = in.uint("window");
    else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const state_request& m) {
  w.map(m.comparing ? 5 : 4);
  if (m.comparing)
    w.str("comparing"), w.boolean(true);
  w.str("follow"), w.boolean(m.follow);
  w.str("from"), w.array(m.from.size());
  for (const auto& [epoch, seq] : m.from)
    w.array(2), w.uint(epoch), w.uint(seq);
  w.str("origin"), w.bin(m.origin.view());
  w.str("stop"), w.boolean(m.stop);
}
state_request read_state_request(reader& in) {
  state_request m;
  each_key(in, "StateRequest", [&](std::string_view key) {
    if (key == "comparing")
      m.comparing = in.boolean("comparing");
    else if (key == "follow")
      m.follow = in.boolean("follow");
    else if (key == "from") {
      const size_t n = in.array(streams, "request from");
      for (size_t i = 0; i < n && !in.failed(); ++i) {
        if (in.array(2, "request from") != 2)
          in.fail(ec::bad_value, "request from");
        const auto epoch = in.uint("request epoch");
        in.charge(sizeof(decltype(m.from)::value_type) + map_node_bytes, "request from");
        if (in.failed())
          break;
        if (!m.from.empty() && epoch <= m.from.rbegin()->first)
          in.fail(ec::duplicate_key, "request from");
        m.from[epoch] = in.uint("request seq");
      }
    } else if (key == "origin")
      m.origin = in.id<device_id>("request origin");
    else if (key == "stop")
      m.stop = in.boolean("stop");
    else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const link_ack& m) {
  w.map(2);
  w.str("credit"), w.uint(m.credit);
  w.str("held"), encode(w, m.held);
}
link_ack read_ack(reader& in) {
  link_ack m;
  each_key(in, "AckSharedChanges", [&](std::string_view key) {
    if (key == "credit")
      m.credit = in.uint("credit");
    else if (key == "held")
      m.held = read_frontier(in);
    else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const heartbeat& m) {
  w.map(7U + (m.filling ? 1U : 0U) + (m.quarantine_hash != 0 ? 1U : 0U));
  w.str("digest"), w.bin(m.digest);
  w.str("echo"), w.uint(m.echo);
  if (m.filling)
    w.str("filling"), w.boolean(true);
  w.str("frontier"), w.uint(m.frontier_hash);
  w.str("held_us"), w.uint(m.echo_held_us);
  w.str("members"), w.uint(m.members_hash);
  w.str("ping"), w.uint(m.ping);
  if (m.quarantine_hash != 0)
    w.str("quarantine"), w.uint(m.quarantine_hash);
  w.str("statements"), w.uint(m.statements_hash);
}
heartbeat read_heartbeat(reader& in) {
  heartbeat m;
  each_key(in, "Heartbeat", [&](std::string_view key) {
    if (key == "digest") {
      m.digest = in.bin(16, "digest");
      if (!m.digest.empty() && m.digest.size() != 16)
        in.fail(ec::bad_value, "digest");
    } else if (key == "echo")
      m.echo = in.uint("echo");
    else if (key == "filling")
      m.filling = in.boolean("filling");
    else if (key == "frontier")
      m.frontier_hash = in.uint("frontier hash");
    else if (key == "held_us")
      m.echo_held_us = in.uint("held_us");
    else if (key == "members")
      m.members_hash = in.uint("members hash");
    else if (key == "ping")
      m.ping = in.uint("ping");
    else if (key == "quarantine")
      m.quarantine_hash = in.uint("quarantine hash");
    else if (key == "statements")
      m.statements_hash = in.uint("statements hash");
    else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const statement& m) {
  w.map(1);
  w.str("st"), encode(w, m);
}
statement read_statement_body(reader& in) {
  statement m;
  each_key(in, "Statement", [&](std::string_view key) {
    if (key != "st")
      return false;
    m = read_statement(in);
    return true;
  });
  return m;
}

void body_of(writer& w, const watermark_exchange& m) {
  w.map(m.known.empty() ? 3 : 4);
  w.str("held"), encode(w, m.held);
  if (!m.known.empty()) {
    w.str("known"), w.array(m.known.size());
    for (const auto& [member, known] : m.known)
      w.array(3), w.bin(member.view()), w.uint(known.number), w.uint(known.hash);
  }
  w.str("members"), encode(w, m.members);
  w.str("statements"), w.array(m.statements.size());
  for (const auto& s : m.statements)
    encode(w, s);
}
watermark_exchange read_exchange(reader& in, bool is_response) {
  watermark_exchange m;
  m.is_response = is_response;
  each_key(in, "WatermarkExchange", [&](std::string_view key) {
    if (key == "held")
      m.held = read_frontier(in);
    else if (key == "members")
      m.members = read_member_set(in);
    else if (key == "known") {
      const size_t n = in.array(members, "known");
      for (size_t i = 0; i < n && !in.failed(); ++i) {
        if (in.array(3, "known statement") != 3)
          in.fail(ec::bad_value, "known statement");
        const auto member = in.id<device_id>("member");
        const auto number = in.uint("number");
        m.known[member] = {number, in.uint("hash")};
      }
    } else if (key == "statements") {
      const size_t n = in.array(members, "statements");
      in.charge(n * sizeof(statement), "statements");
      if (!in.failed())
        m.statements.reserve(n);
      for (size_t i = 0; i < n && !in.failed(); ++i)
        m.statements.push_back(read_statement(in));
    } else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const error_message& m) {
  w.map(2);
  w.str("code"), w.str(m.code);
  w.str("text"), w.str(m.text);
}
error_message read_error(reader& in) {
  error_message m;
  each_key(in, "Error", [&](std::string_view key) {
    if (key == "code")
      m.code = in.str(text_bytes, "code");
    else if (key == "text")
      m.text = in.str(text_bytes, "text");
    else
      return false;
    return true;
  });
  return m;
}

void body_of(writer& w, const goodbye& m) {
  w.map(m.held.empty() ? 1 : 2);
  if (!m.held.empty())
    w.str("held"), encode(w, m.held);
  w.str("reason"), w.str(m.reason);
}
goodbye read_goodbye(reader& in) {
  goodbye m;
  each_key(in, "Goodbye", [&](std::string_view key) {
    if (key == "held")
      m.held = read_frontier(in);
    else if (key == "reason")
      m.reason = in.str(text_bytes, "reason");
    else
      return false;
    return true;
  });
  return m;
}

message unknown_body(reader& in, uint64_t kind) {
  in.fail(ec::unknown_kind, "kind " + std::to_string(kind));
  return goodbye{};
}

/// Reads the body of a known kind; `ec::unknown_kind` is left in the reader for others.
message read_body(reader& in, uint64_t kind) {
  if (kind > UINT8_MAX) // the cast below would wrap it into a known kind
    return unknown_body(in, kind);
  switch (static_cast<message_kind>(kind)) {
  case message_kind::hello: return read_hello(in);
  case message_kind::goodbye: return read_goodbye(in);
  case message_kind::error: return read_error(in);
  case message_kind::heartbeat: return read_heartbeat(in);
  case message_kind::statement: return read_statement_body(in);
  case message_kind::watermark_exchange_request: return read_exchange(in, false);
  case message_kind::watermark_exchange_response: return read_exchange(in, true);
  case message_kind::state_change:
  case message_kind::state_batch:
  case message_kind::state_response:
  case message_kind::shared_change:
  case message_kind::shared_change_batch:
  case message_kind::shared_change_response:
    return read_range_body(in, static_cast<message_kind>(kind));
  case message_kind::state_request: return read_state_request(in);
  case message_kind::ack_shared_changes: return read_ack(in);
  case message_kind::compare_request: return read_compare_request(in);
  case message_kind::compare_response: return read_compare_response(in);
  case message_kind::shared_change_request: return read_shared_change_request(in);
  case message_kind::snapshot_required: return read_snapshot_required(in);
  }
  return unknown_body(in, kind);
}

/// Reads the envelope's map; `on_body` is called at key "b", after all others but unknown ones.
template <class OnBody>
void read_envelope(reader& in, envelope_head& head, OnBody on_body) {
  const size_t n = in.map(64, "envelope");
  uint64_t seen = 0;
  const auto once = [&](unsigned bit, std::string_view what) {
    if (seen & (1U << bit))
      in.fail(ec::duplicate_key, what);
    seen |= 1U << bit;
  };
  for (size_t i = 0; i < n && !in.failed(); ++i) {
    const auto key = in.str(name_bytes, "envelope key");
    if (key == "v") {
      once(0, "version");
      if (const auto major = in.uint("version"); !in.failed() && major != version_major)
        in.fail(ec::unknown_version, "version " + std::to_string(major));
    } else if (key == "lib") {
      once(1, "library");
      head.library = in.id<library_id>("library");
    } else if (key == "from") {
      once(2, "sender");
      head.sender = in.id<device_id>("sender");
    } else if (key == "ts") {
      once(3, "timestamp");
      head.timestamp_ms = in.uint("timestamp");
    } else if (key == "k") {
      once(4, "kind");
      head.kind = in.uint("kind");
    } else if (key == "b") {
      once(5, "body");
      if (!in.failed() && (seen & 31U) != 31U)
        in.fail(ec::bad_value, "envelope: body before head");
      if (!in.failed() && !on_body())
        return;
    } else {
      in.skip("envelope");
    }
  }
  if (!in.failed() && seen != 63U)
    in.fail(ec::bad_value, "envelope");
}

} // namespace

message_kind kind_of(const message& m) {
  struct visitor {
    message_kind operator()(const hello&) const { return message_kind::hello; }
    message_kind operator()(const goodbye&) const { return message_kind::goodbye; }
    message_kind operator()(const error_message&) const { return message_kind::error; }
    message_kind operator()(const heartbeat&) const { return message_kind::heartbeat; }
    message_kind operator()(const statement&) const { return message_kind::statement; }
    message_kind operator()(const watermark_exchange& w) const {
      return w.is_response ? message_kind::watermark_exchange_response
                           : message_kind::watermark_exchange_request;
    }
    message_kind operator()(const range_message& r) const { return r.kind; }
    message_kind operator()(const state_request&) const { return message_kind::state_request; }
    message_kind operator()(const link_ack&) const { return message_kind::ack_shared_changes; }
    message_kind operator()(const compare_request&) const { return message_kind::compare_request; }
    message_kind operator()(const compare_response&) const {
      return message_kind::compare_response;
    }
    message_kind operator()(const shared_change_request&) const {
      return message_kind::shared_change_request;
    }
    message_kind operator()(const snapshot_required&) const {
      return message_kind::snapshot_required;
    }
  };
  return std::visit(visitor{}, m);
}

frame_ptr encode_frame(const envelope& e) {
  auto out = std::make_shared<std::string>(4, '\0');
  if (const auto* r = std::get_if<range_message>(&e.body))
    out->reserve(r->body.ops.size() + 512);
  writer w(*out);
  w.map(6);
  w.str("v"), w.uint(version_major);
  w.str("lib"), w.bin(e.library.view());
  w.str("from"), w.bin(e.sender.view());
  w.str("ts"), w.uint(e.timestamp_ms);
  w.str("k"), w.uint(static_cast<uint64_t>(kind_of(e.body)));
  w.str("b");
  std::visit([&](const auto& body) { body_of(w, body); }, e.body);
  const auto size = static_cast<uint32_t>(out->size() - 4);
  for (int i = 0; i < 4; ++i)
    (*out)[static_cast<size_t>(i)] = static_cast<char>(size >> (24 - 8 * i));
  return out;
}

result<envelope_head> decode_head(std::string_view payload) {
  reader in(payload);
  envelope_head head;
  read_envelope(in, head, [] { return false; });
  if (in.failed())
    return in.err();
  return head;
}

result<envelope> decode_envelope(std::string_view payload) {
  reader in(payload);
  constexpr size_t texts = 8 * text_bytes; // the few that no body charges: names, reasons
  in.bound_memory(decoded_factor * payload.size() + decoded_floor - texts);
  envelope_head head;
  envelope out;
  read_envelope(in, head, [&] {
    out.body = read_body(in, head.kind);
    return true;
  });
  in.finish("envelope");
  if (in.failed())
    return in.err();
  out.library = head.library;
  out.sender = head.sender;
  out.timestamp_ms = head.timestamp_ms;
  return out;
}

} // namespace shoal
