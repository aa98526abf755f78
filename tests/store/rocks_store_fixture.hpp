#pragma once
// A directory that goes with the test, short forms of the store's calls, and whole-store
// comparisons.

#include "store/rocks_store.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <tuple>

#include <unistd.h>

namespace shoal {

/// SHOAL_SEED, or a new one; said with the test's messages.
inline uint64_t seed_of_this_run() {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  BOOST_TEST_MESSAGE("SHOAL_SEED=" << seed);
  return seed;
}

struct rocks_directory {
  rocks_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-rocks-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
  }
  rocks_directory(const rocks_directory&) = delete;
  rocks_directory& operator=(const rocks_directory&) = delete;
  ~rocks_directory() {
    std::error_code code;
    std::filesystem::remove_all(root, code);
  }

  std::string path(const char* name = "db") const { return (root / name).string(); }

  std::unique_ptr<rocks_store> open(const rocks_options& options = {}) const {
    auto opened = rocks_store::open(path(), options);
    BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.err().message));
    return std::move(*opened);
  }

  /// Files of the store whose name ends so, in name order.
  std::vector<std::filesystem::path> files(std::string_view extension) const {
    std::vector<std::filesystem::path> out;
    for (const auto& f : std::filesystem::directory_iterator(path()))
      if (f.path().extension() == extension)
        out.push_back(f.path());
    std::sort(out.begin(), out.end());
    return out;
  }

  std::filesystem::path root;
};

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Where its zeros begin, which may be none.
inline size_t end_of(std::string_view log) { return log.find_last_not_of('\0') + 1; }

inline std::string noise(std::mt19937_64& random, size_t bytes) {
  std::string out(bytes, '\0');
  for (auto& c : out)
    c = static_cast<char>(random());
  return out;
}

inline void flip_byte(const std::filesystem::path& file, uint64_t offset, uint8_t mask) {
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  f.seekg(static_cast<std::streamoff>(offset));
  const int byte = f.get();
  BOOST_REQUIRE(byte != EOF);
  f.seekp(static_cast<std::streamoff>(offset));
  f.put(static_cast<char>(static_cast<uint8_t>(byte) ^ mask));
  BOOST_REQUIRE(f.good());
}

using rocks_rows = std::map<std::pair<size_t, std::string>, std::string>;

/// Every row of every family but the format version; the first fault of any scan.
inline result<rocks_rows> all_rows(const kv_view& from) {
  rocks_rows out;
  for (size_t i = 0; i < family_count; ++i) {
    const auto f = static_cast<family>(i);
    auto ok = scan_prefix(from, f, "", "", [&](std::string_view key, std::string_view value) {
      if (f != family::meta || key != "format")
        out[{i, std::string(key)}] = value;
      return true;
    });
    if (!ok)
      return ok.err();
  }
  return out;
}

inline std::string numbered(uint64_t n) {
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i)
    out[7 - i] = static_cast<char>(n >> (8 * i));
  return out;
}

/// Batch `n` of a series: one row in each of three families, and the count so far.
inline kv_batch batch_of(uint64_t n) {
  const std::string value(100 + n % 200, static_cast<char>('a' + n % 26));
  return {{family::owned, numbered(n), value},
          {family::log, numbered(n), value},
          {family::index, numbered(n), value},
          {family::meta, "count", numbered(n)}};
}

/// The same as a batch that is large enough to go to disk as tables.
inline kv_batch large_batch_of(uint64_t n) {
  kv_batch out;
  constexpr uint64_t rows = 2500;
  for (const auto f : {family::owned, family::log, family::index})
    for (uint64_t i = 0; i < rows; ++i)
      out.push_back({f, numbered(n) + numbered(i), std::string(100 + (n + i) % 200, 'x')});
  out.push_back({family::meta, "count", numbered(n)});
  std::sort(out.begin(), out.end(), [](const kv_write& a, const kv_write& b) {
    return std::tie(a.where, a.key) < std::tie(b.where, b.key);
  });
  return out;
}

inline std::ostream& boost_test_print_type(std::ostream& out, ec code) {
  return out << to_string(code);
}

} // namespace shoal
