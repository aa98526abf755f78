#include "actors/transport/identity.hpp"

#include "actors/transport/openssl.hpp"
#include "actors/transport/socket_fd.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace shoal::transport {
namespace {

constexpr size_t pem_bytes_max =
    64 << 10; // far above any key or certificate; keeps a wrong path from being read whole
constexpr long valid_days = 20 * 365;
constexpr size_t common_name_chars = 64; // RFC 5280's bound, which OpenSSL enforces

// RFC 8410: SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING (32 bytes) }.
constexpr std::array<uint8_t, 12> spki_prefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                              0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

const uint8_t* octets(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

error config_error(const std::filesystem::path& file, const std::string& problem) {
  return {ec::config, file.string() + ": " + problem};
}
error config_errno(const std::filesystem::path& file, const std::string& doing, int code) {
  return config_error(file, doing + ": " + std::generic_category().message(code));
}

result<std::string> read_file(const std::filesystem::path& file, const std::string& kind,
                              bool secret) {
  socket_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!fd.valid()) {
    if (errno == ENOENT)
      return config_error(file, "no such " + kind + "; `shoal init` makes one");
    return config_errno(file, "cannot read the " + kind, errno);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return config_errno(file, "cannot read the " + kind, errno);
  if (!S_ISREG(info.st_mode))
    return config_error(file, "is not a regular file; it should be a PEM " + kind);
  if (secret && (info.st_mode & 077) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(info.st_mode & 07777));
    return config_error(file, std::string{"mode "} + mode.data() + " lets others read the " + kind
                                  + "; it should be 0600 (chmod 600)");
  }
  if (info.st_size > static_cast<off_t>(pem_bytes_max))
    return config_error(file, "is too large for a PEM " + kind);
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    auto got = ::read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return config_errno(file, "cannot read the " + kind, errno);
    if (got == 0)
      break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

// Creates the file, or says that it exists; on disk when it returns.
status write_new_file(const std::filesystem::path& file, const std::string& text, mode_t mode) {
  socket_fd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (!fd.valid()) {
    if (errno == EEXIST)
      return config_error(
          file, "exists already and is not overwritten; move it away to make a new device");
    return config_errno(file, "cannot create", errno);
  }
  size_t done = 0;
  while (done < text.size()) {
    auto put = ::write(fd.get(), text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0) {
      auto failed = config_errno(file, "cannot write", errno);
      ::unlink(file.c_str());
      return failed;
    }
    done += static_cast<size_t>(put);
  }
  // An umask may have taken bits away that the certificate should have; it can never have added
  // any.
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
    auto failed = config_errno(file, "cannot write", errno);
    ::unlink(file.c_str());
    return failed;
  }
  return success();
}

status sync_directory(const std::filesystem::path& dir) {
  socket_fd fd{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd.valid() || ::fsync(fd.get()) != 0)
    return config_errno(dir, "cannot sync the directory", errno);
  return success();
}

template <class Write>
std::string to_pem(Write write) {
  bio_ptr memory{BIO_new(BIO_s_mem())};
  if (!memory || write(memory.get()) != 1)
    return {};
  char* data = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string{};
}

// Never cuts a UTF-8 character in two.
std::string first_chars(const std::string& text, size_t limit) {
  size_t chars = 0;
  size_t i = 0;
  for (; i < text.size(); ++i)
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80 && ++chars > limit)
      break;
  return text.substr(0, i);
}

certificate_ptr self_signed(EVP_PKEY* key, const std::string& device, const std::string& name) {
  certificate_ptr certificate{X509_new()};
  std::array<uint8_t, 16> serial{};
  if (!certificate || RAND_bytes(serial.data(), serial.size()) != 1)
    return nullptr;
  serial[0] &= 0x7f; // serial numbers are positive
  std::unique_ptr<BIGNUM, freed_by<BN_free>> number{
      BN_bin2bn(serial.data(), serial.size(), nullptr)};
  auto* subject = X509_get_subject_name(certificate.get());
  auto add = [&](const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, octets(text),
                                      static_cast<int>(text.size()), -1, 0)
           == 1;
  };
  if (!number || X509_set_version(certificate.get(), X509_VERSION_3) != 1
      || !BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()))
      // A day back, for readers whose clock is behind.
      || !X509_time_adj_ex(X509_getm_notBefore(certificate.get()), -1, 0, nullptr)
      || !X509_time_adj_ex(X509_getm_notAfter(certificate.get()), valid_days, 0, nullptr)
      || X509_set_pubkey(certificate.get(), key) != 1 || !add("CN", device))
    return nullptr;
  // A name that is not text to ASN.1 is left out: it is for people only.
  if (!name.empty() && !add("OU", first_chars(name, common_name_chars)))
    ERR_clear_error();
  if (X509_set_issuer_name(certificate.get(), subject) != 1
      || X509_sign(certificate.get(), key, nullptr) == 0)
    return nullptr;
  return certificate;
}

} // namespace

std::string spki_of(EVP_PKEY* key) {
  std::array<uint8_t, 32> raw{};
  size_t size = raw.size();
  if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519
      || EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1 || size != raw.size())
    return {};
  std::string der(spki_prefix.begin(), spki_prefix.end());
  der.append(raw.begin(), raw.end());
  return der;
}

device_id identity::device_of(std::string_view spki_der) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(octets(spki_der), spki_der.size(), hash.data());
  device_id id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x80);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

uint64_t identity::certificate_until_ms() const {
  std::tm parts{};
  if (!certificate_ || ASN1_TIME_to_tm(X509_get0_notAfter(certificate_.get()), &parts) != 1)
    return 0;
  const auto seconds = timegm(&parts);
  return seconds < 0 ? 0 : static_cast<uint64_t>(seconds) * 1000;
}

std::string identity::sign(std::string_view bytes) const {
  ERR_clear_error();
  digest_context_ptr context{EVP_MD_CTX_new()};
  std::string signature(signature_bytes, '\0');
  size_t size = signature.size();
  [[maybe_unused]] bool ok =
      context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1
      && EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                        octets(bytes), bytes.size())
             == 1;
  assert(ok && size == signature_bytes); // only out of memory can fail here
  return signature;
}

bool identity::verify(std::string_view spki_der, std::string_view bytes,
                      std::string_view signature) {
  if (spki_der.size() != spki_bytes || signature.size() != signature_bytes
      || !std::equal(spki_prefix.begin(), spki_prefix.end(), octets(spki_der)))
    return false;
  ERR_clear_error();
  key_ptr key{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                          octets(spki_der) + spki_prefix.size(),
                                          spki_bytes - spki_prefix.size())};
  digest_context_ptr context{EVP_MD_CTX_new()};
  bool ok = key && context
            && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1
            && EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(bytes),
                                bytes.size())
                   == 1;
  ERR_clear_error();
  return ok;
}

result<identity> make_identity(const std::filesystem::path& dir, const std::string& name) {
  ERR_clear_error();
  auto key_path = dir / "device.key";
  auto certificate_path = dir / "device.crt";
  key_ptr key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  if (!key)
    return error{ec::config, "cannot make an Ed25519 key: " + openssl_error()};
  auto device = to_string(identity::device_of(spki_of(key.get())));
  auto certificate = self_signed(key.get(), device, name);
  if (!certificate)
    return error{ec::config,
                 "cannot make a certificate for device " + device + ": " + openssl_error()};
  auto key_pem = to_pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  auto certificate_pem =
      to_pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
  if (key_pem.empty() || certificate_pem.empty())
    return error{ec::config, "cannot encode the key of device " + device + ": " + openssl_error()};
  auto wrote_key = write_new_file(key_path, key_pem, 0600);
  OPENSSL_cleanse(key_pem.data(), key_pem.size());
  if (!wrote_key)
    return wrote_key.err();
  auto wrote_certificate = write_new_file(certificate_path, certificate_pem, 0644);
  if (!wrote_certificate) {
    ::unlink(key_path.c_str()); // made by this call, and nobody knows it yet
    return wrote_certificate.err();
  }
  if (auto synced = sync_directory(dir); !synced)
    return synced.err();
  return load_identity(key_path, certificate_path);
}

result<identity> load_identity(const std::filesystem::path& key_path,
                               const std::filesystem::path& certificate_path) {
  ERR_clear_error();
  auto key_text = read_file(key_path, "device key", true);
  if (!key_text)
    return key_text.err();
  std::string& pem = *key_text;
  bio_ptr key_memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  bool asked_for_passphrase = false;
  auto no_passphrase = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  key_ptr key{
      PEM_read_bio_PrivateKey(key_memory.get(), nullptr, no_passphrase, &asked_for_passphrase)};
  OPENSSL_cleanse(pem.data(), pem.size());
  if (asked_for_passphrase)
    return config_error(
        key_path, "the device key is protected by a passphrase; it should be stored without one");
  if (!key)
    return config_error(key_path, "is not a private key in PEM (" + openssl_error()
                                      + "); it should be an Ed25519 key");
  identity self;
  self.public_key_ = spki_of(key.get());
  if (self.public_key_.empty())
    return config_error(key_path, "is not an Ed25519 key; `shoal init` makes one");
  auto certificate_text = read_file(certificate_path, "certificate", false);
  if (!certificate_text)
    return certificate_text.err();
  const std::string& certificate_pem = *certificate_text;
  bio_ptr certificate_memory{
      BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()))};
  certificate_ptr certificate{
      PEM_read_bio_X509(certificate_memory.get(), nullptr, no_passphrase, &asked_for_passphrase)};
  if (!certificate)
    return config_error(certificate_path, "is not a certificate in PEM (" + openssl_error() + ")");
  if (spki_of(X509_get0_pubkey(certificate.get())) != self.public_key_)
    return config_error(certificate_path, "is not the certificate of the key in "
                                              + key_path.string()
                                              + "; both should come from one `shoal init`");
  ERR_clear_error();
  self.device_ = identity::device_of(self.public_key_);
  self.key_ = std::move(key);
  self.certificate_ = std::move(certificate);
  return self;
}

} // namespace shoal::transport
