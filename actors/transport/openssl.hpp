#pragma once
// Owners of OpenSSL objects, and its error queue as text. Only the .cpp files of this folder
// include it.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace shoal::transport {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using digest_context_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;

/// The oldest error of this thread's queue in OpenSSL's words; empties the queue, so that it cannot
/// be taken for the error of an unrelated connection.
inline std::string openssl_error() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0)
    return "no reason given";
  if (const char* reason = ERR_reason_error_string(code))
    return reason;
  return "error " + std::to_string(ERR_GET_REASON(code));
}

} // namespace shoal::transport
