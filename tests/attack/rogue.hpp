#pragma once
// A member that is out to harm the others: it holds a real device key, speaks the real link to real
// nodes, and says what it likes. One connection at a time; each begins with an honest Hello.

#include "actors/transport/frame_splitter.hpp"
#include "actors/transport/identity.hpp"
#include "actors/transport/tls_session.hpp"
#include "messages/message.hpp"
#include "tests/nodes/process.hpp"
#include "tests/transport/raw_client.hpp"

#include <deque>
#include <optional>
#include <ostream>

namespace shoal::attack {

using nodes::monotonic;
using namespace std::chrono_literals;

constexpr auto patience = 20s; // of every wait; a node under a sanitizer is slow

/// Wall clock, ms since 1970.
uint64_t now_ms();

/// What became of what was said last.
enum class reaction { answered, cut_off, silent };
std::string to_string(reaction r);
inline std::ostream& operator<<(std::ostream& out, reaction r) { return out << to_string(r); }

class rogue {
public:
  /// `dir`: where `shoal init` made its key.
  rogue(const nodes::fs::path& dir, const library_id& library);

  const device_id& device() const { return key_.device(); }
  const transport::identity& key() const { return key_; }
  const library_id& library() const { return library_; }
  /// The stream of its own ops, and how far the node that it is linked to holds it.
  const stream_id& stream() const { return stream_; }
  uint64_t held() const { return seq_of(seen_.held, stream_); }
  /// The node's last Hello.
  const hello& seen() const { return seen_; }
  const device_id& target() const { return target_; }

  /// Connects, proves its key, and says nothing.
  bool connect(uint16_t port);
  /// … and greets, and hears the node's Hello.
  bool meet(uint16_t port);
  hello greeting() const;
  void hang_up() { session_.reset(), client_.reset(); }

  std::string encoded(const message& body) const; // an envelope, without the frame's length
  bool say(const message& body) { return say_payload(encoded(body)); }
  bool say_payload(const std::string& payload);
  bool say_bytes(std::string_view plain); // in the TLS session, whatever it is

  /// Reads until a message of the kind comes; nothing when the link ends first, or it is late.
  template <class Message>
  std::optional<Message> hear(std::chrono::milliseconds limit = patience);
  /// Whether the node still serves this session after what was said.
  reaction after(std::chrono::milliseconds limit = patience);
  /// Reads what is there until the link ends.
  bool cut_off(std::chrono::milliseconds limit = patience);

  /// A signed statement of this member, the next by number.
  statement word(frontier held);
  /// A range of its own stream: what follows what the node holds.
  range range_of(const std::vector<op>& ops) const;
  op made(record_class cls, const std::string& model, uint64_t ahead, uint64_t wall_ms = 0) const;

private:
  enum class link { open, ended, quiet };
  link read(monotonic::time_point until);

  library_id library_;
  std::shared_ptr<member_set> known_;
  transport::identity key_;
  std::shared_ptr<const transport::tls_context> context_;
  stream_id stream_;
  device_id target_;
  hello seen_;
  uint64_t nonce_;
  uint64_t number_ = 0;
  uint64_t ping_ = 0;

  std::unique_ptr<transport::test::raw_client> client_;
  std::unique_ptr<transport::tls_session> session_;
  transport::frame_splitter splitter_;
  std::deque<message> heard_;
};

template <class Message>
std::optional<Message> rogue::hear(std::chrono::milliseconds limit) {
  const auto until = monotonic::now() + limit;
  for (;;) {
    while (!heard_.empty()) {
      auto next = std::move(heard_.front());
      heard_.pop_front();
      if (auto* wanted = std::get_if<Message>(&next))
        return std::move(*wanted);
    }
    if (read(until) != link::open)
      return std::nullopt;
  }
}

} // namespace shoal::attack
