#include "tests/actors/keys.hpp"

#include "actors/transport/openssl.hpp"
#include "tests/actors/lab.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>

namespace shoal::test {
namespace {

using transport::freed_by;
using file_ptr = std::unique_ptr<std::FILE, freed_by<std::fclose>>;

file_ptr create(const std::filesystem::path& path) {
  file_ptr out{std::fopen(path.c_str(), "wx")};
  BOOST_REQUIRE_MESSAGE(out, path.string() << " cannot be made");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read
                                         | std::filesystem::perms::owner_write);
  return out;
}

transport::identity make_fixed(size_t n) {
  std::array<uint8_t, 32> secret{};
  secret.fill(static_cast<uint8_t>(n + 1));
  const transport::key_ptr key{
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), secret.size())};
  const transport::certificate_ptr certificate{X509_new()};
  const bool signed_by_itself =
      key && certificate && X509_set_pubkey(certificate.get(), key.get()) == 1
      && X509_time_adj_ex(X509_getm_notBefore(certificate.get()), -1, 0, nullptr)
      && X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 1, 0, nullptr)
      && X509_sign(certificate.get(), key.get(), nullptr) != 0;
  BOOST_REQUIRE(signed_by_itself);
  const scratch_folder folder;
  const auto key_file = folder.path() / "device.key";
  const auto certificate_file = folder.path() / "device.crt";
  BOOST_REQUIRE(
      PEM_write_PrivateKey(create(key_file).get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr)
      == 1);
  BOOST_REQUIRE(PEM_write_X509(create(certificate_file).get(), certificate.get()) == 1);
  auto loaded = transport::load_identity(key_file, certificate_file);
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? std::string() : loaded.err().message));
  return *loaded;
}

} // namespace

transport::identity fixed_key(size_t n) {
  static std::map<size_t, transport::identity> made;
  const auto known = made.find(n);
  return known != made.end() ? known->second : made.emplace(n, make_fixed(n)).first->second;
}

} // namespace shoal::test
