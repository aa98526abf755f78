#include "sim/trace.hpp"

#include "sim/workload.hpp"

namespace shoal::sim {

std::string text_of(const device_id& device) {
  return "n" + std::to_string(int{device.bytes[7]} - 1);
}

std::string text_of(const stream_id& stream) {
  return text_of(stream.origin) + "/" + std::to_string(stream.epoch % 10'000);
}

std::string text_of(const frontier& held) {
  std::string out;
  for (const auto& [stream, seq] : held)
    out += (out.empty() ? "" : ", ") + text_of(stream) + ":" + std::to_string(seq);
  return "{" + out + "}";
}

static std::string text_of(const field_edit& f) {
  switch (f.kind) {
  case field_kind::lww: return f.value == "\xc0" ? f.name + " cleared" : f.name;
  case field_kind::parent: return f.name + " → " + f.parent_model;
  case field_kind::counter: return f.name + (f.delta < 0 ? " " : " +") + std::to_string(f.delta);
  case field_kind::set:
    return f.name + (f.replace ? " replaced" : f.add.empty() ? " less one" : " and one");
  case field_kind::map: return f.name + "[" + (f.keys.empty() ? "" : f.keys[0].first) + "]";
  }
  return f.name;
}

std::string text_of(const std::vector<edit>& edits) {
  std::string out;
  for (const auto& e : edits) {
    out += (out.empty() ? "" : " & ") + std::string(e.remove ? "deletes " : "writes ") + e.model
           + " " + std::to_string(e.id.bytes[15]);
    for (const auto& f : e.fields)
      out += (&f == &e.fields.front() ? ": " : ", ") + text_of(f);
  }
  return out;
}

namespace {

std::string interval(const stream_id& stream, uint64_t from, uint64_t to) {
  return text_of(stream) + " (" + std::to_string(from) + ", " + std::to_string(to) + "]";
}

struct in_words {
  std::string operator()(const hello& m) const {
    return "hello, holds " + text_of(m.held) + (m.filling ? ", filling" : "")
           + (m.deletes_from.empty() ? "" : ", forgot deletes to " + text_of(m.deletes_from));
  }
  std::string operator()(const goodbye& m) const { return "goodbye: " + m.reason; }
  std::string operator()(const error_message& m) const { return "error: " + m.code; }
  std::string operator()(const heartbeat& m) const {
    return "heartbeat" + std::string(m.digest.empty() ? ", not settled" : "");
  }
  std::string operator()(const statement& m) const {
    return text_of(m.member) + " states " + std::to_string(m.number) + ": " + text_of(m.held.open)
           + (m.held.ended.empty() ? "" : ", and ended epochs");
  }
  std::string operator()(const watermark_exchange& m) const {
    return "holds " + text_of(m.held) + ", " + std::to_string(m.statements.size()) + " statements";
  }
  std::string operator()(const range_message& m) const {
    const auto& r = m.body;
    return std::string(to_string(m.kind)) + " " + interval(r.stream, r.from, r.to) + ", "
           + std::to_string(r.count) + " ops" + (r.more ? ", part" : "")
           + (r.until.empty() ? "" : ", until " + text_of(r.until)) + (r.repair ? ", repair" : "");
  }
  std::string operator()(const state_request& m) const {
    std::string out = m.stop ? "wants no more of " : "wants ";
    out += text_of(m.origin);
    for (const auto& [epoch, seq] : m.from)
      out += " " + std::to_string(epoch % 10'000) + ":" + std::to_string(seq);
    return out + (m.follow ? "" : " once");
  }
  std::string operator()(const link_ack& m) const {
    return "acks " + text_of(m.held) + ", credit " + std::to_string(m.credit);
  }
  std::string operator()(const compare_request& m) const {
    return "compares " + interval(m.stream, m.from, m.to);
  }
  std::string operator()(const compare_response& m) const {
    return std::to_string(m.sums.size()) + " sums of " + interval(m.stream, m.from, m.to);
  }
  std::string operator()(const shared_change_request& m) const {
    return "wants what stands in " + interval(m.stream, m.from, m.to);
  }
  std::string operator()(const snapshot_required& m) const {
    return "has forgotten deletes to " + text_of(m.deletes_from);
  }
};

} // namespace

std::string text_of(const message& m) { return std::visit(in_words{}, m); }

} // namespace shoal::sim
