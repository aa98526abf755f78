#include "store/rocks_table_file.hpp"

#include <xxhash.h>

#include <optional>
#include <string>
#include <string_view>

namespace shoal {

namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IODebugContext;
using rocksdb::IOStatus;

constexpr size_t end_bytes = 53;
constexpr size_t version_bytes = 4;
constexpr size_t magic_bytes = 8;
constexpr uint64_t magic = 0x88e241b785f4cff7;
constexpr size_t trailer_bytes = 5; // of a block: compression type, checksum
/// No properties of this program's come near it.
constexpr uint64_t looked_at_max = uint64_t{1} << 20;

struct block {
  uint64_t offset = 0;
  uint64_t size = 0; // without the trailer
};

/// Takes from the front of `from`; nothing when that is not there whole.
std::optional<uint64_t> take_varint(std::string_view& from) {
  uint64_t out = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(from.front());
    from.remove_prefix(1);
    out |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80)
      return out;
  }
  return std::nullopt;
}

std::optional<std::string_view> take_bytes(std::string_view& from, uint64_t count) {
  if (count > from.size())
    return std::nullopt;
  const auto out = from.substr(0, count);
  from.remove_prefix(count);
  return out;
}

std::optional<block> take_handle(std::string_view& from) {
  const auto offset = take_varint(from);
  const auto size = offset ? take_varint(from) : std::nullopt;
  return size ? std::optional(block{*offset, *size}) : std::nullopt;
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t out = 0;
  for (size_t i = bytes.size(); i-- > 0;)
    out = (out << 8) | static_cast<uint8_t>(bytes[i]);
  return out;
}

/// Of a block and its compression type (RocksDB 7.8, table/format.cc, ComputeBuiltinChecksum).
uint32_t checksum(std::string_view bytes) {
  constexpr uint32_t prime = 0x6b9083d9;
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size() - 1))
         ^ static_cast<uint8_t>(bytes.back()) * prime;
}

/// The handle of the block of that name; nothing when there is none. Entries of a metaindex share
/// no prefixes (restart interval 1), and behind them are the restarts.
std::optional<block> find_block(std::string_view metaindex, std::string_view name) {
  while (true) {
    const auto shared = take_varint(metaindex);
    const auto own = take_varint(metaindex);
    const auto value = take_varint(metaindex);
    if (!shared || !own || !value || *shared != 0)
      return std::nullopt;
    const auto key = take_bytes(metaindex, *own);
    auto handle = key ? take_bytes(metaindex, *value) : std::nullopt;
    if (!handle)
      return std::nullopt;
    if (*key == name)
      return take_handle(*handle);
  }
}

class table_check {
public:
  table_check(std::string name, const FSRandomAccessFile& file, uint64_t size,
              const rocksdb::IOOptions& how, IODebugContext* debug)
      : name_(std::move(name)), file_(file), size_(size), how_(how), debug_(debug) {}

  IOStatus run() const {
    if (size_ < end_bytes)
      return IOStatus::OK(); // "file is too short"
    std::string end;
    if (auto s = read(size_ - end_bytes, end_bytes, end); !s.ok())
      return s;
    const std::string_view known(end);
    if (little_endian(known.substr(end_bytes - magic_bytes)) != magic)
      return IOStatus::OK(); // "bad table magic number"
    constexpr size_t version_at = end_bytes - magic_bytes - version_bytes;
    if (static_cast<uint8_t>(end[0]) != table_checksum_type
        || little_endian(known.substr(version_at, version_bytes)) != table_format_version)
      return damaged("its end names another format than this program writes");
    auto handles = known.substr(1, version_at - 1);
    const auto metaindex = take_handle(handles);
    const auto index = metaindex ? take_handle(handles) : std::nullopt;
    if (!index || !within(*metaindex) || !within(*index))
      return damaged("its end names a block that is not in it");
    std::string bytes;
    if (auto s = read_block(*metaindex, bytes); !s.ok())
      return s;
    const auto properties = find_block(bytes, "rocksdb.properties");
    if (!properties || !within(*properties))
      return damaged("it has no properties");
    return read_block(*properties, bytes);
  }

private:
  bool within(const block& b) const {
    const uint64_t blocks = size_ - end_bytes;
    return b.offset < blocks && b.size < blocks && b.offset + b.size + trailer_bytes <= blocks;
  }

  IOStatus damaged(const char* why) const { return IOStatus::Corruption(name_, why); }

  IOStatus read(uint64_t offset, size_t size, std::string& into) const {
    into.resize(size);
    rocksdb::Slice found;
    if (auto s = file_.Read(offset, size, how_, &found, into.data(), debug_); !s.ok())
      return s;
    if (found.size() != size)
      return damaged("it ends before its end");
    if (found.data() != into.data())
      into.assign(found.data(), found.size());
    return IOStatus::OK();
  }

  /// `into`: the block, of which the checksum is right.
  IOStatus read_block(const block& b, std::string& into) const {
    if (b.size > looked_at_max)
      return damaged("its properties are too large");
    if (auto s = read(b.offset, b.size + trailer_bytes, into); !s.ok())
      return s;
    const std::string_view all(into);
    if (little_endian(all.substr(b.size + 1)) != checksum(all.substr(0, b.size + 1)))
      return damaged("the checksum of its properties or of their place does not match");
    into.resize(b.size);
    return IOStatus::OK();
  }

  std::string name_;
  const FSRandomAccessFile& file_;
  uint64_t size_;
  const rocksdb::IOOptions& how_;
  IODebugContext* debug_;
};

class checking_file_system final : public rocksdb::FileSystemWrapper {
public:
  using FileSystemWrapper::FileSystemWrapper;
  static const char* kClassName() { return "shoal.checked_tables"; }
  const char* Name() const override { return kClassName(); }

  IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& how,
                               std::unique_ptr<FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    auto s = target()->NewRandomAccessFile(name, how, file, debug);
    if (!s.ok() || !name.ends_with(".sst"))
      return s;
    uint64_t size = 0;
    s = target()->GetFileSize(name, how.io_options, &size, debug);
    if (s.ok())
      s = table_check(name, **file, size, how.io_options, debug).run();
    if (!s.ok())
      file->reset();
    return s;
  }
};

} // namespace

std::shared_ptr<rocksdb::FileSystem> checked_tables(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<checking_file_system>(std::move(base));
}

} // namespace shoal
