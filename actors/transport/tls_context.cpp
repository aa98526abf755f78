#include "actors/transport/tls_context.hpp"

#include "actors/transport/limits.hpp"
#include "actors/transport/openssl.hpp"

namespace shoal::transport {
namespace {

// "shoal/1" with its length in front, as ALPN has it on the wire.
const std::string& alpn_list() {
  static const std::string list = static_cast<char>(alpn.size()) + std::string{alpn};
  return list;
}
const uint8_t* octets(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// OpenSSL does not ask the ALPN callback about a client that offers none at all; this ends such a
// handshake before anything of ours is sent.
int on_client_hello(SSL* ssl, int* alert, void*) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                &size)
      == 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int on_alpn_offer(SSL*, const uint8_t** chosen, uint8_t* chosen_size, const uint8_t* offered,
                  unsigned offered_size, void*) {
  uint8_t* match = nullptr;
  if (SSL_select_next_proto(&match, chosen_size, octets(alpn_list()),
                            static_cast<unsigned>(alpn_list().size()), offered, offered_size)
      != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

// Why a certificate is refused; empty when its device is accepted. TLS itself proves that the peer
// has the key.
std::string refusal_of(X509* certificate, const peer_check& check, device_id& device) {
  auto spki = certificate ? spki_of(X509_get0_pubkey(certificate)) : std::string{};
  if (spki.empty())
    return "the peer's certificate has no Ed25519 key";
  device = identity::device_of(spki);
  if (device == check.context->self())
    return std::string(own_device_text) + ", " + to_string(device)
           + ": the address leads back here, or its directory was copied";
  if (check.expected && *check.expected != device)
    return "expected device " + to_string(*check.expected) + ", but device " + to_string(device)
           + " answered";
  if (!check.context->accepts(device))
    return "device " + to_string(device) + " is not a member of any library here";
  return {};
}

int on_peer_certificate(X509_STORE_CTX* store, void*) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* check = static_cast<peer_check*>(SSL_get_ex_data(ssl, peer_check_index()));
  device_id device;
  check->refusal = refusal_of(X509_STORE_CTX_get0_cert(store), *check, device);
  if (!check->refusal.empty()) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  check->peer = device;
  return 1;
}

} // namespace

int peer_check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

result<std::shared_ptr<const tls_context>> tls_context::make(const identity& self,
                                                             acceptance accepts) {
  ERR_clear_error();
  std::shared_ptr<tls_context> made{new tls_context};
  made->self_ = self.device();
  made->accepts_ = std::move(accepts);
  std::shared_ptr<SSL_CTX> shared{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  auto* context = shared.get();
  bool ok =
      context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
      && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1
      && SSL_CTX_set_ciphersuites(
             context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
             == 1
      && SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1
      && SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1
      && SSL_CTX_use_certificate(context, self.native_certificate()) == 1
      && SSL_CTX_use_PrivateKey(context, self.native_key()) == 1
      && SSL_CTX_check_private_key(context) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1
      && SSL_CTX_set_alpn_protos(context, octets(alpn_list()),
                                 static_cast<unsigned>(alpn_list().size()))
             == 0;
  if (!ok)
    return error{ec::config, "cannot set up TLS for device " + to_string(self.device()) + ": "
                                 + openssl_error()};
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, certificate_bytes);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, on_peer_certificate, nullptr);
  SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  SSL_CTX_set_alpn_select_cb(context, on_alpn_offer, nullptr);
  made->context_ = std::move(shared);
  return std::shared_ptr<const tls_context>{std::move(made)};
}

} // namespace shoal::transport
