// How a write-ahead log is written that goes on with zeros.
#include "rocks_store_fixture.hpp"

#include "store/rocks_log_file.hpp"

using namespace shoal;

namespace {

/// Says what is written where; has no room for zeros, if asked.
struct watched_disk {
  bool full = false;
  uint64_t size = 0;
  uint64_t synced = 0;
  size_t over_zeros = 0; ///< writes of something that did not make the file longer
};

class watched_file final : public rocksdb::FSWritableFileOwnerWrapper {
public:
  watched_file(std::unique_ptr<rocksdb::FSWritableFile> file, watched_disk& disk)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}
  rocksdb::IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset,
                                     const rocksdb::IOOptions& how,
                                     rocksdb::IODebugContext* debug) override {
    if (disk_.full && data.size() > 10'000) {
      const rocksdb::Slice half(data.data(), data.size() / 2);
      BOOST_REQUIRE(target()->PositionedAppend(half, offset, how, debug).ok());
      return rocksdb::IOStatus::NoSpace("full");
    }
    if (offset < disk_.size) {
      ++disk_.over_zeros;
      // What a power cut leaves of it is told from damage by the zeros that were there.
      BOOST_TEST(offset + data.size() < disk_.synced);
    }
    disk_.size = std::max(disk_.size, offset + data.size());
    return target()->PositionedAppend(data, offset, how, debug);
  }
  rocksdb::IOStatus Truncate(uint64_t size, const rocksdb::IOOptions& how,
                             rocksdb::IODebugContext* debug) override {
    disk_.size = disk_.synced = size;
    return target()->Truncate(size, how, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& how, rocksdb::IODebugContext* debug) override {
    disk_.synced = disk_.size;
    return target()->Sync(how, debug);
  }

private:
  watched_disk& disk_;
};

class watched_files final : public rocksdb::FileSystemWrapper {
public:
  explicit watched_files(watched_disk& disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "watched_files"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& how,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto s = target()->NewWritableFile(name, how, file, debug);
    if (s.ok())
      *file = std::make_unique<watched_file>(std::move(*file), disk_);
    return s;
  }

private:
  watched_disk& disk_;
};

struct file_fixture : rocks_directory {
  std::mt19937_64 random{seed_of_this_run()};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_log_file, file_fixture)

BOOST_AUTO_TEST_CASE(without_room_for_zeros_commits_go_on) {
  watched_disk disk;
  const auto files = zeroed_logs(std::make_shared<watched_files>(disk));
  const auto name = path("000001.log");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  BOOST_REQUIRE(files->NewWritableFile(name, {}, &file, nullptr).ok());
  std::string written;
  for (int i = 0; i < 60; ++i) {
    disk.full = i < 20 || (i > 30 && i < 50);
    auto bytes = noise(random, i > 25 ? 3000 : 200) + "\xff";
    BOOST_REQUIRE(file->Append(bytes, {}, nullptr).ok());
    written += bytes;
    BOOST_REQUIRE(file->Sync({}, nullptr).ok());
    const auto now = bytes_of(name);
    BOOST_REQUIRE(now.substr(0, written.size()) == written);
    if (i < 20)
      BOOST_REQUIRE(now.size() == written.size());
    BOOST_REQUIRE(end_of(now) == written.size());
    BOOST_TEST(file->GetFileSize({}, nullptr) == written.size());
  }
  BOOST_REQUIRE(file->Close({}, nullptr).ok());
  BOOST_TEST(bytes_of(name) == written);
}

BOOST_AUTO_TEST_CASE(a_commit_goes_over_zeros_of_an_earlier_sync_only) {
  watched_disk disk;
  const auto files = zeroed_logs(std::make_shared<watched_files>(disk));
  std::unique_ptr<rocksdb::FSWritableFile> file;
  BOOST_REQUIRE(files->NewWritableFile(path("000001.log"), {}, &file, nullptr).ok());
  for (int i = 0; i < 3000; ++i) {
    const size_t size = random() % 500 == 0 ? 10'000 : 1 + random() % zeroed_append_max;
    BOOST_REQUIRE(file->Append(noise(random, size) + "\xff", {}, nullptr).ok());
    BOOST_REQUIRE(file->Sync({}, nullptr).ok());
  }
  BOOST_TEST(disk.over_zeros > 2000U);
}

BOOST_AUTO_TEST_SUITE_END()
