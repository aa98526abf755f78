#include "actors/transport/identity.hpp"
#include "actors/transport/openssl.hpp"
#include "tests/transport/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/pem.h>

#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <vector>

using namespace shoal;
using namespace shoal::transport;
using test::temp_dir;

namespace {

identity made_in(const temp_dir& dir, const std::string& name = "alice") {
  auto made = make_identity(dir.path(), name);
  BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.err().message));
  return *made;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write(const std::filesystem::path& file, const std::string& text, mode_t mode = 0600) {
  std::ofstream{file, std::ios::binary} << text;
  ::chmod(file.c_str(), mode);
}

// The error of loading, which must be ec::config and name `file`.
std::string load_error(const temp_dir& dir, const std::string& file) {
  auto loaded = load_identity(dir.path() / "device.key", dir.path() / "device.crt");
  BOOST_REQUIRE(!loaded.ok());
  BOOST_TEST((loaded.err().code == ec::config));
  BOOST_TEST_CONTEXT(loaded.err().message) {
    BOOST_TEST(loaded.err().message.starts_with((dir.path() / file).string() + ": "));
    BOOST_TEST(loaded.err().message.find('\n') == std::string::npos);
  }
  return loaded.err().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(identity_of_a_device)

BOOST_AUTO_TEST_CASE(a_made_identity_loads_again_as_the_same_device) {
  temp_dir dir;
  auto made = made_in(dir);
  auto loaded = load_identity(dir.path() / "device.key", dir.path() / "device.crt");
  BOOST_REQUIRE(loaded.ok());
  BOOST_TEST(to_string(loaded->device()) == to_string(made.device()));
  BOOST_TEST(loaded->public_key() == made.public_key());
  BOOST_TEST(loaded->public_key().size() == spki_bytes);
  BOOST_TEST((identity::device_of(loaded->public_key()) == made.device()));
}

BOOST_AUTO_TEST_CASE(two_identities_are_two_devices) {
  temp_dir a;
  temp_dir b;
  BOOST_TEST((made_in(a).device() != made_in(b).device()));
}

BOOST_AUTO_TEST_CASE(a_device_id_is_a_version_8_uuid_of_the_hash_of_the_key) {
  // SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 …
  BOOST_TEST(to_string(identity::device_of("abc")) == "ba7816bf-8f01-8fea-8141-40de5dae2223");
}

BOOST_AUTO_TEST_CASE(the_key_file_is_closed_to_others_whatever_the_umask) {
  temp_dir dir;
  auto before = ::umask(0);
  made_in(dir);
  ::umask(before);
  struct stat info {};
  BOOST_REQUIRE(::stat((dir.path() / "device.key").c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0600);
}

BOOST_AUTO_TEST_CASE(the_certificate_names_the_device_and_lasts_for_decades) {
  temp_dir dir;
  // 65 two-byte characters: cut to what a certificate takes, between characters.
  std::string name;
  for (int i = 0; i < 65; ++i)
    name += "é";
  auto made = made_in(dir, name);
  auto* subject = X509_get_subject_name(made.native_certificate());
  char text[64] = {};
  X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text);
  BOOST_TEST(std::string{text} == to_string(made.device()));
  int at = X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, -1);
  BOOST_REQUIRE(at >= 0);
  auto* unit = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  BOOST_TEST(ASN1_STRING_length(unit) == 128);
  time_t later = std::time(nullptr) + time_t{19} * 365 * 86400;
  BOOST_TEST(X509_cmp_time(X509_get0_notAfter(made.native_certificate()), &later) > 0);
  BOOST_TEST(X509_verify(made.native_certificate(), made.native_key()) == 1);
}

BOOST_AUTO_TEST_CASE(making_an_identity_never_overwrites_one) {
  temp_dir dir;
  made_in(dir);
  auto key = content(dir.path() / "device.key");
  auto again = make_identity(dir.path(), "alice");
  BOOST_REQUIRE(!again.ok());
  BOOST_TEST(contains(again.err().message, "device.key"));
  BOOST_TEST(contains(again.err().message, "exists already"));
  BOOST_TEST(content(dir.path() / "device.key") == key);
}

BOOST_AUTO_TEST_CASE(a_certificate_in_the_way_leaves_no_key_behind) {
  temp_dir dir;
  write(dir.path() / "device.crt", "someone's");
  auto made = make_identity(dir.path(), "alice");
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(contains(made.err().message, "device.crt"));
  BOOST_TEST(!std::filesystem::exists(dir.path() / "device.key"));
  BOOST_TEST(content(dir.path() / "device.crt") == "someone's");
}

BOOST_AUTO_TEST_CASE(a_missing_directory_is_named) {
  temp_dir dir;
  auto made = make_identity(dir.path() / "nowhere", "alice");
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(contains(made.err().message, "nowhere"));
}

BOOST_AUTO_TEST_CASE(a_missing_key_says_how_to_make_one) {
  temp_dir dir;
  BOOST_TEST(contains(load_error(dir, "device.key"), "shoal init"));
}

BOOST_AUTO_TEST_CASE(a_missing_certificate_is_named) {
  temp_dir dir;
  made_in(dir);
  std::filesystem::remove(dir.path() / "device.crt");
  BOOST_TEST(contains(load_error(dir, "device.crt"), "no such certificate"));
}

BOOST_AUTO_TEST_CASE(a_key_that_others_may_read_is_refused_with_the_mode_it_has) {
  temp_dir dir;
  made_in(dir);
  for (const mode_t mode : {0640U, 0604U, 0660U, 0601U}) {
    ::chmod((dir.path() / "device.key").c_str(), mode);
    auto message = load_error(dir, "device.key");
    BOOST_TEST(contains(message, "mode 06"));
    BOOST_TEST(contains(message, "0600"));
  }
  ::chmod((dir.path() / "device.key").c_str(), 0400);
  BOOST_TEST(load_identity(dir.path() / "device.key", dir.path() / "device.crt").ok());
}

BOOST_AUTO_TEST_CASE(something_that_is_no_file_is_refused) {
  temp_dir dir;
  made_in(dir);
  std::filesystem::remove(dir.path() / "device.key");
  std::filesystem::create_directory(dir.path() / "device.key");
  BOOST_TEST(contains(load_error(dir, "device.key"), "not a regular file"));
  std::filesystem::remove(dir.path() / "device.key");
  BOOST_REQUIRE(::mkfifo((dir.path() / "device.key").c_str(), 0600) == 0);
  BOOST_TEST(contains(load_error(dir, "device.key"), "not a regular file"));
}

BOOST_AUTO_TEST_CASE(rubbish_empty_and_huge_key_files_are_refused) {
  temp_dir dir;
  made_in(dir);
  for (const auto& text : {std::string{}, std::string{"rubbish"}, std::string(200, '\0')}) {
    write(dir.path() / "device.key", text);
    BOOST_TEST(contains(load_error(dir, "device.key"), "not a private key in PEM"));
  }
  write(dir.path() / "device.key", std::string(1 << 20, 'x'));
  BOOST_TEST(contains(load_error(dir, "device.key"), "too large"));
}

BOOST_AUTO_TEST_CASE(a_key_of_another_kind_is_refused) {
  temp_dir dir;
  made_in(dir);
  key_ptr other{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
  bio_ptr memory{BIO_new(BIO_s_mem())};
  PEM_write_bio_PrivateKey(memory.get(), other.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &data);
  write(dir.path() / "device.key", std::string(data, static_cast<size_t>(size)));
  BOOST_TEST(contains(load_error(dir, "device.key"), "not an Ed25519 key"));
}

BOOST_AUTO_TEST_CASE(a_key_with_a_passphrase_is_refused_without_asking_for_it) {
  temp_dir dir;
  auto made = made_in(dir);
  bio_ptr memory{BIO_new(BIO_s_mem())};
  char word[] = "word";
  PEM_write_bio_PKCS8PrivateKey(memory.get(), made.native_key(), EVP_aes_128_cbc(), word, 4,
                                nullptr, nullptr);
  char* data = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &data);
  write(dir.path() / "device.key", std::string(data, static_cast<size_t>(size)));
  BOOST_TEST(contains(load_error(dir, "device.key"), "passphrase"));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_another_key_is_refused) {
  temp_dir a;
  temp_dir b;
  made_in(a);
  made_in(b);
  write(a.path() / "device.crt", content(b.path() / "device.crt"));
  BOOST_TEST(contains(load_error(a, "device.crt"), (a.path() / "device.key").string()));
  write(a.path() / "device.crt", "rubbish");
  BOOST_TEST(contains(load_error(a, "device.crt"), "not a certificate in PEM"));
}

BOOST_AUTO_TEST_CASE(a_signature_holds_for_its_bytes_and_key_only) {
  temp_dir a;
  temp_dir b;
  auto alice = made_in(a);
  auto bob = made_in(b);
  auto signature = alice.sign("a statement");
  BOOST_TEST(signature.size() == signature_bytes);
  BOOST_TEST(identity::verify(alice.public_key(), "a statement", signature));
  BOOST_TEST(!identity::verify(alice.public_key(), "another one", signature));
  BOOST_TEST(!identity::verify(bob.public_key(), "a statement", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    auto bent = signature;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    BOOST_TEST(!identity::verify(alice.public_key(), "a statement", bent));
  }
  auto empty = alice.sign("");
  BOOST_TEST(identity::verify(alice.public_key(), "", empty));
}

BOOST_AUTO_TEST_CASE(malformed_keys_and_signatures_verify_nothing) {
  temp_dir dir;
  auto alice = made_in(dir);
  auto signature = alice.sign("x");
  auto key = alice.public_key();
  BOOST_TEST(!identity::verify("", "x", signature));
  BOOST_TEST(!identity::verify(key.substr(0, 43), "x", signature));
  BOOST_TEST(!identity::verify(key + "y", "x", signature));
  BOOST_TEST(!identity::verify(key, "x", signature.substr(1)));
  BOOST_TEST(!identity::verify(key, "x", ""));
  auto other_kind = key;
  other_kind[8] = 0x71; // OID of Ed448
  BOOST_TEST(!identity::verify(other_kind, "x", signature));
}

BOOST_AUTO_TEST_CASE(one_identity_signs_and_verifies_on_many_threads) {
  temp_dir dir;
  auto alice = made_in(dir);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto text = std::to_string(t * 1000 + i);
        good += identity::verify(alice.public_key(), text, alice.sign(text));
      }
    });
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(good == 200);
}

BOOST_AUTO_TEST_SUITE_END()
