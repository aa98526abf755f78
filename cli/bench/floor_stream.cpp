#include "cli/bench/floor.hpp"
#include "cli/bench/record_maker.hpp"

#include <functional>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::cli::bench {

namespace {

constexpr size_t key_bytes = 16; // big-endian numbers, so that what is sent is sorted
constexpr size_t row_bytes = key_bytes + record_bytes;
constexpr size_t rows_at_once = (size_t{1} << 20) / row_bytes;
constexpr uint64_t rows_of_a_table = 300'000; // 64 MiB

/// One table file of sorted rows.
class table {
public:
  /// Not compressed: the floor's rows are all alike.
  static rocksdb::Options plain() {
    rocksdb::Options o;
    o.compression = rocksdb::kNoCompression;
    o.create_if_missing = true;
    return o;
  }
  explicit table(const std::string& path) : path_(path), writer_({}, plain()) {
    whole_ = writer_.Open(path).ok();
  }
  void add(std::string_view row) {
    whole_ =
        whole_
        && writer_.Put({row.data(), key_bytes}, {row.data() + key_bytes, row.size() - key_bytes})
               .ok();
  }
  /// Synced. Empty when something went wrong.
  std::string finish() { return whole_ && writer_.Finish().ok() ? path_ : std::string(); }

private:
  std::string path_;
  bool whole_;
  rocksdb::SstFileWriter writer_;
};

/// Reads `rows` rows and gives them on, about a MiB at a time.
bool receive_rows(int socket, uint64_t rows, const std::function<bool(std::string_view)>& on) {
  std::string piece;
  while (rows > 0) {
    const auto now = std::min<uint64_t>(rows, rows_at_once);
    piece.resize(now * row_bytes);
    if (!receive_all(socket, piece.data(), piece.size()) || !on(piece))
      return false;
    rows -= now;
  }
  return true;
}

bool into_file(int socket, uint64_t rows, const std::filesystem::path& at) {
  synced_file to(at);
  return receive_rows(socket, rows, [&](std::string_view piece) { return to.append(piece).ok(); });
}

bool into_tables(int socket, uint64_t rows, const std::filesystem::path& at) {
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(table::plain(), at / "db", &opened).ok())
    return false;
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::vector<std::string> files;
  while (rows > 0) {
    const auto now = std::min(rows, rows_of_a_table);
    table next(at / (std::to_string(files.size()) + ".sst"));
    const bool whole = receive_rows(socket, now, [&](std::string_view piece) {
      for (; !piece.empty(); piece.remove_prefix(row_bytes))
        next.add(piece.substr(0, row_bytes));
      return true;
    });
    files.push_back(next.finish());
    if (!whole || files.back().empty())
      return false;
    rows -= now;
  }
  rocksdb::IngestExternalFileOptions how;
  how.move_files = true;
  return db->IngestExternalFile(files, how).ok();
}

using taker = bool (*)(int, uint64_t, const std::filesystem::path&);

/// The rows of a piece, in order.
std::string rows_from(uint64_t first, uint64_t count, const std::string& value) {
  std::string out;
  out.reserve(count * row_bytes);
  for (uint64_t n = first; n < first + count; ++n) {
    out.append(key_bytes - 8, '\0');
    for (int shift = 56; shift >= 0; shift -= 8)
      out += static_cast<char>(n >> shift);
    out += value;
  }
  return out;
}

result<double> stream(const std::filesystem::path& at, uint64_t records, taker take) {
  const auto door = listen_here();
  if (!door)
    return door.err();
  auto child = child_program::run([&] {
    const int from = accept4(door->socket, nullptr, nullptr, SOCK_CLOEXEC);
    if (from >= 0 && take(from, records, at))
      static_cast<void>(send_all(from, "k"));
  });
  const auto to = child ? connect_to(door->port) : result<int>(child.err());
  close(door->socket);
  if (!to)
    return to.err();
  record_maker make("entry", 1);
  const auto value = make.digits(record_bytes);
  const auto begin = clock::now();
  auto sent = success();
  for (uint64_t n = 0; n < records && sent; n += rows_at_once)
    sent = send_all(*to, rows_from(n, std::min<uint64_t>(rows_at_once, records - n), value));
  if (sent)
    sent = await_readable(*to, clock::now() + std::chrono::minutes(10));
  char ack = 0;
  if (sent)
    sent = receive_all(*to, &ack, 1);
  const auto took = us_since(begin) / 1e6;
  close(*to);
  if (!sent)
    return sent.err();
  return took;
}

} // namespace

result<double> floor_stream(const std::filesystem::path& folder, uint64_t records) {
  return stream(folder / "floor-stream", records, into_file);
}

result<double> floor_tables(const std::filesystem::path& folder, uint64_t records) {
  const auto at = folder / "floor-tables";
  std::error_code failed;
  std::filesystem::remove_all(at, failed); // of the run before
  std::filesystem::create_directories(at, failed);
  if (failed)
    return error{ec::disk, at.string() + ": cannot make the folder: " + failed.message()};
  return stream(at, records, into_tables);
}

} // namespace shoal::cli::bench
