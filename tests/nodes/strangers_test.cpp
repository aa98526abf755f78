// Whoever is not a member learns nothing, is cut off, and disturbs nobody.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::nodes {

namespace {

constexpr auto cut_off_within = 6s; // the handshake's 5 s, and a busy machine

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed<X509_free>>;
using ctx_ptr = std::unique_ptr<SSL_CTX, freed<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed<SSL_free>>;

key_ptr fresh_key() { return key_ptr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

/// A certificate for `key` that `signer` signed; good for an hour.
cert_ptr certificate(EVP_PKEY* key, const std::string& name, EVP_PKEY* signer,
                     const std::string& issuer) {
  cert_ptr out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 3600);
  X509_set_pubkey(out.get(), key);
  const auto set = [](X509_NAME* to, const std::string& text) {
    X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), -1, 0);
  };
  set(X509_get_subject_name(out.get()), name);
  set(X509_get_issuer_name(out.get()), issuer);
  BOOST_REQUIRE(X509_sign(out.get(), signer, nullptr) > 0);
  return out;
}

/// A connected socket of a stranger.
class visitor {
public:
  explicit visitor(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const timeval limit{10, 0}; // a blocking call never outlasts the test
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;
  ~visitor() { close(fd_); }

  int fd() const { return fd_; }
  void say(const std::string& bytes) const { send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  /// True once the other end has closed, within the limit; `got` is what it said until then.
  bool cut_off(std::string* got = nullptr) const {
    const auto deadline = monotonic::now() + cut_off_within;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic::now()).count();
      pollfd waiting{fd_, POLLIN, 0};
      if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0)
        return false;
      char piece[4096];
      const auto n = recv(fd_, piece, sizeof piece, 0);
      if (n <= 0)
        return true;
      if (got != nullptr)
        got->append(piece, static_cast<size_t>(n));
    }
  }

private:
  int fd_;
};

struct tls_offer {
  EVP_PKEY* key = nullptr;
  X509* cert = nullptr;
  int version = TLS1_3_VERSION;
  const char* protocol = "shoal/1"; // as a node names its protocol: only who it is may be wrong
};

/// What a node proves itself with.
struct credentials {
  explicit credentials(const node& n) {
    const auto key_pem = read_file(n.dir() / "device.key");
    const auto cert_pem = read_file(n.dir() / "device.crt");
    std::unique_ptr<BIO, freed<BIO_free_all>> key_in(
        BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
    std::unique_ptr<BIO, freed<BIO_free_all>> cert_in(
        BIO_new_mem_buf(cert_pem.data(), static_cast<int>(cert_pem.size())));
    key.reset(PEM_read_bio_PrivateKey(key_in.get(), nullptr, nullptr, nullptr));
    cert.reset(PEM_read_bio_X509(cert_in.get(), nullptr, nullptr, nullptr));
    BOOST_REQUIRE((key && cert));
  }
  tls_offer offer() const { return {key.get(), cert.get()}; }
  key_ptr key;
  cert_ptr cert;
};

struct visit {
  size_t told = 0;    // application bytes that came
  bool ended = false; // by the node, in time
};

ctx_ptr context_for(const tls_offer& offer) {
  ctx_ptr ctx(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(ctx.get(), offer.version);
  if (offer.cert != nullptr) {
    SSL_CTX_use_certificate(ctx.get(), offer.cert);
    SSL_CTX_use_PrivateKey(ctx.get(), offer.key);
  }
  const std::string name =
      std::string(1, static_cast<char>(strlen(offer.protocol))) + offer.protocol;
  SSL_CTX_set_alpn_protos(ctx.get(), reinterpret_cast<const unsigned char*>(name.data()),
                          static_cast<unsigned>(name.size()));
  return ctx;
}

/// Shakes hands as well as it can, says a frame, and reads until the node ends it.
visit pay_visit(uint16_t port, const tls_offer& offer, const std::string& frame) {
  const auto ctx = context_for(offer);
  visitor socket(port);
  ssl_ptr ssl(SSL_new(ctx.get()));
  SSL_set_fd(ssl.get(), socket.fd());
  const auto begun = monotonic::now();
  visit out;
  if (SSL_connect(ssl.get()) == 1) { // TLS 1.3: the client is done before the server has judged
    SSL_write(ssl.get(), frame.data(), static_cast<int>(frame.size()));
    char piece[4096];
    for (int n = 0; (n = SSL_read(ssl.get(), piece, sizeof piece)) > 0;)
      out.told += static_cast<size_t>(n);
  }
  ERR_clear_error();
  out.ended = socket.cut_off() && monotonic::now() - begun < cut_off_within;
  return out;
}

/// Shakes hands and is gone, without a word.
void hang_up(uint16_t port, const tls_offer& offer) {
  const auto ctx = context_for(offer);
  visitor socket(port);
  const linger at_once{1, 0}; // a reset instead of an end
  setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ssl_ptr ssl(SSL_new(ctx.get()));
  SSL_set_fd(ssl.get(), socket.fd());
  BOOST_TEST(SSL_connect(ssl.get()) == 1);
  ERR_clear_error();
}

bool learns_nothing(uint16_t port, const tls_offer& offer, const std::string& frame) {
  const auto got = pay_visit(port, offer, frame);
  BOOST_TEST(got.told == 0U, got.told << " application bytes reached a stranger");
  BOOST_TEST(got.ended, "the stranger's connection was left open");
  return got.told == 0 && got.ended;
}

/// Two members at work; what is between them must not break.
struct two_members : cluster {
  two_members() : cluster(2) {
    signal(SIGPIPE, SIG_IGN); // OpenSSL writes to sockets that the node closed
    start();
    BOOST_TEST((*this)[0].client().put(record("tag", "new"), {{"canonical_name", "x"}}).ok());
    BOOST_REQUIRE(converge());
    links = links_made();
    // A frame that a peer of an older or newer version might open with, naming the library.
    frame = std::string("\0\0\0\x40", 4) + library();
    frame.resize(68, '\xc0');
  }
  /// A link that broke and was made anew shows here.
  size_t links_made() {
    size_t n = 0;
    for (size_t i = 0; i < 2; ++i) {
      const auto log = (*this)[i].log();
      for (size_t at = 0; (at = log.find("linked to", at)) != std::string::npos; ++at)
        ++n;
    }
    return n;
  }
  uint16_t port() { return (*this)[0].port(); }
  /// The members write and hear each other as if nobody had come.
  ~two_members() {
    const auto wrote = (*this)[0].client().put(record("tag", "new"), {{"canonical_name", "y"}});
    BOOST_TEST(wrote.ok());
    const auto waited = (*this)[0].cli({"wait", "lab", "--timeout", "2"});
    BOOST_TEST(waited.code == 0, waited.err);
    BOOST_TEST(links_made() == links);
  }
  size_t links = 0;
  std::string frame;
};

} // namespace

BOOST_AUTO_TEST_SUITE(strangers)

BOOST_FIXTURE_TEST_CASE(an_unknown_key_is_cut_off_and_learns_nothing, two_members) {
  const auto key = fresh_key();
  const auto cert = certificate(key.get(), "somebody", key.get(), "somebody");
  BOOST_TEST(learns_nothing(port(), {key.get(), cert.get()}, frame));
}

BOOST_FIXTURE_TEST_CASE(a_certificate_in_a_members_name_by_whatever_authority_is_worth_nothing,
                        two_members) {
  const auto authority = fresh_key();
  const auto key = fresh_key();
  const auto cert = certificate(key.get(), (*this)[1].device(), authority.get(), "Some CA");
  BOOST_TEST(learns_nothing(port(), {key.get(), cert.get()}, frame));
}

BOOST_FIXTURE_TEST_CASE(a_members_certificate_without_its_key_is_worth_nothing, two_members) {
  // The certificate is public; it is offered here with the key of another.
  const auto key = fresh_key();
  const auto pem = read_file((*this)[1].dir() / "device.crt");
  std::unique_ptr<BIO, freed<BIO_free_all>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  cert_ptr theirs(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  BOOST_REQUIRE(theirs);
  // OpenSSL refuses a pair that does not match; the same public name on the own key gets as far.
  const auto forged = certificate(key.get(), (*this)[1].device(), key.get(), (*this)[1].device());
  BOOST_TEST(X509_check_private_key(theirs.get(), key.get()) == 0);
  ERR_clear_error();
  BOOST_TEST(learns_nothing(port(), {key.get(), forged.get()}, frame));
}

BOOST_AUTO_TEST_CASE(the_same_visit_with_a_members_key_is_answered) {
  // Shows that the visits above fail for who they are, not for how they are made.
  signal(SIGPIPE, SIG_IGN);
  cluster lab(2);
  lab[0].start();
  const credentials of_b(lab[1]);
  const auto got = pay_visit(lab[0].port(), of_b.offer(), std::string("\0\0\0\4nope", 8));
  BOOST_TEST(got.told > 0U); // its Hello
  BOOST_TEST(got.ended);     // for a frame that is no envelope
}

BOOST_AUTO_TEST_CASE(members_that_hang_up_at_once_leave_nothing_that_a_stop_would_wait_for) {
  signal(SIGPIPE, SIG_IGN);
  cluster lab(2);
  lab[0].start();
  const credentials of_b(lab[1]);
  for (int n = 0; n < 300; ++n)
    hang_up(lab[0].port(), of_b.offer());
  lab[1].start();
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  BOOST_TEST(lab[0].log().find("the stop took too long") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(no_certificate_and_old_tls_are_cut_off, two_members) {
  BOOST_TEST(learns_nothing(port(), {}, frame));
  const auto key = fresh_key();
  const auto cert = certificate(key.get(), "somebody", key.get(), "somebody");
  tls_offer old{key.get(), cert.get()};
  old.version = TLS1_2_VERSION;
  BOOST_TEST(learns_nothing(port(), old, frame));
  tls_offer other{key.get(), cert.get()};
  other.protocol = "h2";
  BOOST_TEST(learns_nothing(port(), other, frame));
}

BOOST_FIXTURE_TEST_CASE(plain_text_and_garbage_are_cut_off_and_told_nothing, two_members) {
  for (const std::string& said :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(5000, 'A'),
        std::string("\x16\x03\x01\x40\x00", 5) + std::string(200, '\0'), frame}) {
    visitor v(port());
    v.say(said);
    std::string got;
    BOOST_TEST(v.cut_off(&got), "still open after " << said.substr(0, 10));
    BOOST_TEST(got.find(library()) == std::string::npos);
    BOOST_TEST(got.size() < 64U); // a TLS alert at most
  }
}

BOOST_FIXTURE_TEST_CASE(silent_connections_are_cut_off_and_do_not_keep_a_member_out, two_members) {
  std::vector<std::unique_ptr<visitor>> silent;
  for (int n = 0; n < 10; ++n)
    silent.push_back(std::make_unique<visitor>(port()));
  for (int n = 0; n < 5; ++n)
    silent[static_cast<size_t>(n)]->say(
        std::string("\x16\x03\x01\x01\x00\x01", 6)); // a ClientHello begins
  const auto begun = monotonic::now();
  BOOST_TEST((*this)[1].client().put(record("tag", "new"), {{"canonical_name", "meanwhile"}}).ok());
  BOOST_TEST(converge(3s));
  for (const auto& v : silent)
    BOOST_TEST(v->cut_off());
  BOOST_TEST((monotonic::now() - begun < cut_off_within + 1s));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
