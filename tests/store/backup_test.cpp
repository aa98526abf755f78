// A backup's bytes: what is read is what was written, or an error that names the file.

#include "store/backup.hpp"
#include "tests/store/rocks_store_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>

namespace shoal {

namespace {

using all_entries = std::vector<std::tuple<family, std::string, std::string>>;

backup_header header() {
  backup_header h;
  h.library.bytes.fill(1);
  h.name = "photos";
  h.device.bytes.fill(2);
  h.version = "0";
  h.made_ms = 5;
  return h;
}

std::string made_of(const kv_store& store) {
  backup_pieces pieces(store.snapshot(), header());
  std::string all;
  for (;;) {
    auto more = pieces.next(all);
    BOOST_REQUIRE(more.ok());
    if (!*more)
      return all;
  }
}

result<uint64_t> read(const std::filesystem::path& file, const std::string& bytes,
                      all_entries& into) {
  std::ofstream(file, std::ios::binary) << bytes;
  return read_backup(
      file,
      [](const backup_header& h) {
        BOOST_TEST(h.name == "photos");
        BOOST_TEST((h.library == header().library && h.device == header().device));
        BOOST_TEST(h.made_ms == 5U);
        return success();
      },
      [&](const backup_entry& e) {
        into.emplace_back(e.where, std::string(e.key), std::string(e.value));
        return success();
      });
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(backup_files, rocks_directory)

BOOST_AUTO_TEST_CASE(every_family_comes_back_in_order_whatever_the_size_of_its_values) {
  auto store = open();
  all_entries expected;
  kv_batch batch;
  for (size_t f = 0; f < family_count; ++f)
    for (int n = 0; n < 3; ++n) {
      const std::string key = "key " + std::to_string(n) + std::string(1, '\0');
      std::string value(n == 1 ? 3'000'000 : 10, static_cast<char>('a' + f));
      expected.emplace_back(static_cast<family>(f), key, value);
      batch.push_back({static_cast<family>(f), key, std::move(value)});
    }
  const auto committed = store->commit(batch);
  BOOST_REQUIRE(committed.ok());
  const auto bytes = made_of(*store);
  all_entries got;
  const auto count = read(root / "backup", bytes, got);
  BOOST_REQUIRE_MESSAGE(count.ok(), (count.ok() ? "" : count.err().message));
  BOOST_TEST(*count == got.size());
  std::erase_if(got, [](const auto& e) { return std::get<1>(e) == "format"; }); // the store's own
  BOOST_TEST((got == expected));
}

BOOST_AUTO_TEST_CASE(a_backup_that_was_cut_or_altered_anywhere_is_refused) {
  auto store = open();
  kv_batch batch;
  for (int n = 0; n < 50; ++n)
    batch.push_back({family::shared, std::to_string(n), std::to_string(n * n)});
  const auto committed = store->commit(batch);
  BOOST_REQUIRE(committed.ok());
  const auto bytes = made_of(*store);
  all_entries ignored;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const auto cut = read(root / "cut", bytes.substr(0, at), ignored);
    BOOST_REQUIRE_MESSAGE(!cut.ok() && cut.err().code == ec::corrupt, "cut at " << at);
    auto altered = bytes;
    altered[at] = static_cast<char>(altered[at] ^ (1 << at % 8));
    const auto other = read(root / "altered", altered, ignored);
    BOOST_REQUIRE_MESSAGE(!other.ok() && other.err().code == ec::corrupt, "altered at " << at);
    BOOST_REQUIRE(other.err().message.find((root / "altered").string()) != std::string::npos);
  }
  BOOST_TEST(!read(root / "longer", bytes + "x", ignored).ok());
  BOOST_TEST(read(root / "whole", bytes, ignored).ok());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal
