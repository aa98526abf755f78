#pragma once
// Random messages and ops, from a seed. Every field of every type is drawn, often at its bounds.

#include "messages/message.hpp"

#include <random>

namespace shoal::tests {

/// SHOAL_SEED if it is set, else a fresh one; printed either way, so that a failure can be
/// repeated.
uint64_t test_seed();

class generator {
public:
  explicit generator(uint64_t seed) : engine_(seed) {}

  /// At most `most`, which is included.
  uint64_t upto(uint64_t most) { return std::uniform_int_distribution<uint64_t>(0, most)(engine_); }
  bool coin() { return upto(1) == 1; }
  /// Small numbers, bounds of the wire's integer sizes, and anything in between.
  uint64_t number();
  uint32_t number32() { return static_cast<uint32_t>(number()); }
  template <class Id>
  Id id() {
    Id out;
    for (auto& b : out.bytes)
      b = static_cast<uint8_t>(upto(255));
    return out;
  }
  /// UTF-8 of at most `most` bytes, with characters of one to four bytes.
  std::string text(size_t most);
  std::string bytes(size_t size);

  hlc stamp() { return {number(), number32(), id<device_id>()}; }
  stream_id stream() { return {id<device_id>(), number()}; }
  frontier held(size_t most = 5);
  member_set members(size_t most = 4);
  /// An encoded field value nested at most `depth` deep.
  std::string value(size_t depth = 3);
  op make_op();
  /// A range with its ops, which `decode_ops` accepts.
  range make_range();
  statement make_statement();
  /// One message of the kind.
  message make_message(message_kind kind);
  envelope make_envelope(message_kind kind);

private:
  void put_value(writer& w, size_t depth);
  previous make_previous();
  field_op make_field(std::string name);

  std::mt19937_64 engine_;
};

/// Every kind there is.
inline constexpr message_kind all_kinds[] = {
    message_kind::hello,
    message_kind::goodbye,
    message_kind::error,
    message_kind::heartbeat,
    message_kind::statement,
    message_kind::watermark_exchange_request,
    message_kind::watermark_exchange_response,
    message_kind::state_change,
    message_kind::state_batch,
    message_kind::state_request,
    message_kind::state_response,
    message_kind::shared_change,
    message_kind::shared_change_batch,
    message_kind::shared_change_response,
    message_kind::ack_shared_changes,
    message_kind::compare_request,
    message_kind::compare_response,
    message_kind::shared_change_request,
    message_kind::snapshot_required,
};

} // namespace shoal::tests
