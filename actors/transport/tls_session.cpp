#include "actors/transport/tls_session.hpp"

#include "actors/transport/limits.hpp"
#include "actors/transport/openssl.hpp"

#include <array>
#include <cstring>

namespace shoal::transport {

// A BIO over memory that is lent per call: unlike BIO_s_mem it copies nothing and keeps no buffer
// between calls.
struct lent_memory_bio {
  using memory = tls_session::lent_memory;

  static int read(BIO* bio, char* data, size_t size, size_t* done) {
    BIO_clear_retry_flags(bio);
    auto& in = static_cast<memory*>(BIO_get_data(bio))->in;
    *done = std::min(size, in.size());
    if (*done == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(data, in.data(), *done);
    in.remove_prefix(*done);
    return 1;
  }
  static int write(BIO* bio, const char* data, size_t size, size_t* done) {
    BIO_clear_retry_flags(bio);
    auto* out = static_cast<memory*>(BIO_get_data(bio))->out;
    assert(out); // OpenSSL writes within our calls only
    out->insert(out->end(), data, data + size);
    *done = size;
    return 1;
  }
  static long ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lent memory");
      assert(m);
      BIO_meth_set_read_ex(m, read);
      BIO_meth_set_write_ex(m, write);
      BIO_meth_set_ctrl(m, ctrl);
      return m;
    }();
    return made;
  }
};

namespace {

/// Before each call whose failure SSL_get_error() is to explain. Emptying a queue that is empty
/// costs a third of an SSL_write().
void forget_errors() {
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

} // namespace

tls_session::tls_session(std::shared_ptr<const tls_context> context, side which,
                         std::optional<device_id> expected)
    : context_(std::move(context)), ssl_(nullptr, SSL_free) {
  ERR_clear_error();
  check_.context = context_.get();
  check_.expected = expected;
  ssl_.reset(SSL_new(context_->native()));
  auto* bio = BIO_new(lent_memory_bio::method());
  assert(ssl_ && bio); // only out of memory can fail here
  BIO_set_data(bio, &memory_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_ex_data(ssl_.get(), peer_check_index(), &check_);
  if (which == side::client)
    SSL_set_connect_state(ssl_.get());
  else
    SSL_set_accept_state(ssl_.get());
}

tls_session::~tls_session() = default;

status tls_session::failed(int ssl_error) {
  state_ = state::closed;
  const bool refused = ERR_GET_REASON(ERR_peek_error()) == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE;
  auto reason = openssl_error();
  if (!check_.refusal.empty())
    return {ec::forbidden, check_.refusal};
  if (refused)
    return {ec::bad_value, refused_text};
  if (ssl_error == SSL_ERROR_SSL || ssl_error == SSL_ERROR_SYSCALL)
    return {ec::bad_value, "TLS failed: " + reason};
  return {ec::bad_value,
          "TLS asked for something it should not need (" + std::to_string(ssl_error) + ")"};
}

status tls_session::shake_hands() {
  forget_errors();
  int done = SSL_do_handshake(ssl_.get());
  if (done != 1) {
    int why = SSL_get_error(ssl_.get(), done);
    return why == SSL_ERROR_WANT_READ ? success() : failed(why);
  }
  const uint8_t* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
  if (std::string_view{reinterpret_cast<const char*>(chosen), size} != alpn) {
    state_ = state::closed;
    return {ec::unknown_version, "the peer does not speak " + std::string{alpn}};
  }
  assert(check_.peer); // no handshake completes without the certificate check
  state_ = state::up;
  return success();
}

status tls_session::start(std::vector<char>& out) {
  memory_ = {{}, &out};
  auto begun = shake_hands();
  memory_ = {};
  return begun;
}

status tls_session::receive(std::string_view ciphertext, std::string& plain,
                            std::vector<char>& out) {
  if (state_ == state::closed)
    return success(); // what follows a goodbye says nothing
  memory_ = {ciphertext, &out};
  auto outcome = success();
  if (state_ == state::handshaking)
    outcome = shake_hands();
  std::array<char, record_bytes> piece;
  // With read-ahead off, OpenSSL takes bytes as it needs them and keeps a record's beginning:
  // WANT_READ means that all of the input is gone.
  while (outcome && state_ == state::up) {
    forget_errors();
    size_t got = 0;
    int done = SSL_read_ex(ssl_.get(), piece.data(), piece.size(), &got);
    if (done == 1) {
      plain.append(piece.data(), got);
      if (memory_.in.empty() && SSL_pending(ssl_.get()) == 0)
        break; // as WANT_READ would say, at the price of one more call
      continue;
    }
    int why = SSL_get_error(ssl_.get(), done);
    if (why == SSL_ERROR_WANT_READ)
      break;
    if (why == SSL_ERROR_ZERO_RETURN)
      state_ = state::closed;
    else
      outcome = failed(why);
  }
  memory_ = {};
  return outcome;
}

status tls_session::send(std::string_view plain, std::vector<char>& out) {
  assert(state_ == state::up);
  if (plain.empty())
    return success();
  forget_errors();
  memory_ = {{}, &out};
  size_t put = 0;
  int done = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &put);
  auto outcome = done == 1 ? success() : failed(SSL_get_error(ssl_.get(), done));
  memory_ = {};
  return outcome;
}

void tls_session::close(std::vector<char>& out) {
  if (state_ == state::up) {
    ERR_clear_error();
    memory_ = {{}, &out};
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    memory_ = {};
  }
  state_ = state::closed;
}

} // namespace shoal::transport
