#include "messages/range_bodies.hpp"

#include "messages/compressed.hpp"
#include "messages/keyed.hpp"

namespace shoal {

using namespace wire_limits;

void body_of(writer& w, const range_message& m) {
  const range& r = m.body;
  // Most ranges have one part and go as they are.
  w.map(8U + (r.part != 0 ? 1U : 0U) + (r.repair ? 1U : 0U) + (r.compressed ? 1U : 0U)
        + (r.unmerged.empty() ? 0U : 1U) + (r.unread != 0 ? 1U : 0U));
  w.str("count"), w.uint(r.count);
  w.str("from"), w.uint(r.from);
  w.str("log"), w.boolean(r.log_complete);
  w.str("more"), w.boolean(r.more);
  w.str("ops"), w.bin(r.compressed ? compress(r.ops) : r.ops);
  if (r.part != 0)
    w.str("part"), w.uint(r.part);
  if (r.repair)
    w.str("repair"), w.boolean(true);
  w.str("stream"), w.array(2), w.bin(r.stream.origin.view()), w.uint(r.stream.epoch);
  w.str("to"), w.uint(r.to);
  if (!r.unmerged.empty()) {
    w.str("unmerged"), w.array(r.unmerged.size());
    for (const auto& d : r.unmerged)
      encode(w, d);
  }
  if (r.unread != 0)
    w.str("unread"), w.uint(r.unread);
  w.str("until"), encode(w, r.until);
  if (r.compressed)
    w.str("zstd"), w.boolean(true);
}
range_message read_range_body(reader& in, message_kind kind) {
  range_message m{kind, {}};
  range& r = m.body;
  each_key(in, "range", [&](std::string_view key) {
    if (key == "count")
      r.count = static_cast<uint32_t>(in.uint_max(range_ops, "range count"));
    else if (key == "from")
      r.from = in.uint("range from");
    else if (key == "log")
      r.log_complete = in.boolean("range log");
    else if (key == "more")
      r.more = in.boolean("range more");
    else if (key == "ops")
      r.ops = in.bin(frame_bytes, "range ops"), in.charge(r.ops.size(), "range ops");
    else if (key == "part")
      r.part = static_cast<uint32_t>(in.uint_max(range_ops, "range part"));
    else if (key == "repair")
      r.repair = in.boolean("range repair");
    else if (key == "stream") {
      if (in.array(2, "range stream") != 2)
        in.fail(ec::bad_value, "range stream");
      r.stream.origin = in.id<device_id>("range origin");
      r.stream.epoch = in.uint("range epoch");
    } else if (key == "to")
      r.to = in.uint("range to");
    else if (key == "unmerged") {
      for (size_t n = in.array(range_unmerged, "range unmerged"); n > 0 && !in.failed(); --n)
        r.unmerged.push_back(read_dot(in));
    } else if (key == "unread")
      r.unread = in.uint("range unread");
    else if (key == "until")
      r.until = read_frontier(in);
    else if (key == "zstd")
      r.compressed = in.boolean("range zstd");
    else
      return false;
    return true;
  });
  if (!in.failed() && r.compressed) {
    if (auto plain = decompress(r.ops, frame_bytes))
      r.ops = std::move(*plain);
    else
      in.fail(ec::bad_value, "range ops, compressed");
  }
  if (!in.failed() && (r.to <= r.from || r.stream.origin.is_nil()))
    in.fail(ec::bad_value, "range");
  return m;
}

static void encode_stream(writer& w, const stream_id& s) {
  w.str("stream"), w.array(2), w.bin(s.origin.view()), w.uint(s.epoch);
}
static stream_id read_stream(reader& in, std::string_view what) {
  stream_id s;
  if (in.array(2, what) != 2)
    in.fail(ec::bad_value, what);
  s.origin = in.id<device_id>(what);
  s.epoch = in.uint(what);
  return s;
}

template <class Request>
static void encode_interval(writer& w, const Request& m) {
  w.map(3);
  w.str("from"), w.uint(m.from);
  encode_stream(w, m.stream);
  w.str("to"), w.uint(m.to);
}
template <class Request>
static Request read_interval(reader& in, std::string_view what) {
  Request m;
  each_key(in, what, [&](std::string_view key) {
    if (key == "from")
      m.from = in.uint(what);
    else if (key == "stream")
      m.stream = read_stream(in, what);
    else if (key == "to")
      m.to = in.uint(what);
    else
      return false;
    return true;
  });
  if (!in.failed() && (m.to <= m.from || m.stream.origin.is_nil()))
    in.fail(ec::bad_value, what);
  return m;
}

void body_of(writer& w, const compare_request& m) { encode_interval(w, m); }
compare_request read_compare_request(reader& in) {
  return read_interval<compare_request>(in, "CompareRequest");
}

void body_of(writer& w, const shared_change_request& m) { encode_interval(w, m); }
shared_change_request read_shared_change_request(reader& in) {
  return read_interval<shared_change_request>(in, "SharedChangeRequest");
}

void body_of(writer& w, const compare_response& m) {
  w.map(4);
  w.str("from"), w.uint(m.from);
  encode_stream(w, m.stream);
  w.str("sums"), w.array(m.sums.size());
  for (const auto& s : m.sums)
    w.array(3), w.uint(s.end), w.uint(s.versions), w.uint(s.hash);
  w.str("to"), w.uint(m.to);
}
compare_response read_compare_response(reader& in) {
  compare_response m;
  const std::string_view what = "CompareResponse";
  each_key(in, what, [&](std::string_view key) {
    if (key == "from") {
      m.from = in.uint(what);
    } else if (key == "stream") {
      m.stream = read_stream(in, what);
    } else if (key == "sums") {
      const size_t n = in.array(wire_limits::compared_intervals, what);
      for (size_t i = 0; i < n && !in.failed(); ++i) {
        if (in.array(3, what) != 3)
          in.fail(ec::bad_value, what);
        const auto end = in.uint(what);
        const auto versions = in.uint(what);
        const auto hash = in.uint(what);
        if (!m.sums.empty() && end <= m.sums.back().end)
          in.fail(ec::bad_value, what);
        m.sums.push_back({end, versions, hash});
      }
    } else if (key == "to") {
      m.to = in.uint(what);
    } else {
      return false;
    }
    return true;
  });
  const bool sound =
      !m.stream.origin.is_nil()
      && (m.sums.empty() || (m.sums.front().end > m.from && m.sums.back().end <= m.to));
  if (!in.failed() && !sound)
    in.fail(ec::bad_value, what);
  return m;
}

void body_of(writer& w, const snapshot_required& m) {
  w.map(m.said ? 2 : 1);
  w.str("deletes"), encode(w, m.deletes_from);
  if (m.said)
    w.str("said"), encode(w, *m.said);
}
snapshot_required read_snapshot_required(reader& in) {
  snapshot_required m;
  each_key(in, "SnapshotRequired", [&](std::string_view key) {
    if (key == "deletes")
      m.deletes_from = read_frontier(in);
    else if (key == "said")
      m.said = read_statement(in);
    else
      return false;
    return true;
  });
  return m;
}

} // namespace shoal
