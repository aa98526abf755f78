#pragma once
// The device key: who this node is to its peers. An Ed25519 key in PEM, mode 0600, and a
// self-signed certificate that only carries it through TLS: peers pin the key, nobody checks the
// certificate's dates or signature.

#include "messages/error.hpp"
#include "messages/ids.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;
struct x509_st;

namespace shoal::transport {

/// An Ed25519 SubjectPublicKeyInfo in DER is these many bytes: a fixed prefix and the 32-byte key.
constexpr size_t spki_bytes = 44;
constexpr size_t signature_bytes = 64;

/// A loaded device key with its certificate. Copies share the key; all functions may be called from
/// any thread.
class identity {
public:
  identity() = default; // nobody: to be assigned to
  const device_id& device() const { return device_; }
  /// SPKI, DER; what statements carry and `device_of` hashes.
  const std::string& public_key() const { return public_key_; }
  /// Until when the certificate says to be good, ms since 1970: peers do not ask, other tools may.
  uint64_t certificate_until_ms() const;
  /// Ed25519 over the bytes: `signature_bytes` of it.
  std::string sign(std::string_view bytes) const;

  /// True if the signature over the bytes was made with that key. False, not an error, for a
  /// malformed key or signature.
  static bool verify(std::string_view spki_der, std::string_view bytes, std::string_view signature);
  /// The device id of a public key: the first 16 bytes of its SHA-256, with the version and variant
  /// bits of a UUIDv8.
  static device_id device_of(std::string_view spki_der);

  evp_pkey_st* native_key() const { return key_.get(); }
  x509_st* native_certificate() const { return certificate_.get(); }

private:
  friend result<identity> load_identity(const std::filesystem::path&, const std::filesystem::path&);

  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  std::string public_key_;
  device_id device_;
};

/// Makes `dir`/device.key (mode 0600) and `dir`/device.crt and loads them. Both are on disk when it
/// returns. Overwrites neither: a device key that is lost cannot be made again. `name` goes into
/// the certificate for people to read.
result<identity> make_identity(const std::filesystem::path& dir, const std::string& name);

/// Every failure is ec::config and names the file and what would be right.
result<identity> load_identity(const std::filesystem::path& key_path,
                               const std::filesystem::path& certificate_path);

/// The SPKI of an Ed25519 key, built from its 32 raw bytes so that one key has one encoding and so
/// one device id. Empty for a key of another kind.
std::string spki_of(evp_pkey_st* key);

} // namespace shoal::transport
