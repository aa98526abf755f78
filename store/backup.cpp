#include "store/backup.hpp"

#include "messages/compressed.hpp"
#include "messages/reader.hpp"
#include "messages/writer.hpp"
#include "store/rocks_store.hpp"

#include <xxhash.h>

#include <fstream>

namespace shoal {

namespace {

constexpr std::string_view magic = "shoal backup 1\n";
constexpr size_t block_bytes = size_t{1} << 20;
constexpr size_t head_bytes = 12;
// A block ends behind the entry that fills it, and rows are bounded.
constexpr size_t plain_bytes_max = size_t{64} << 20;
constexpr size_t entries_max = block_bytes;

enum class block_kind : uint8_t { header = 0, entries = 1, end = 2 };

void put_number(std::string& out, uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>((v >> shift) & 0xff);
}
uint64_t read_number(std::string_view raw) {
  uint64_t v = 0;
  for (const char c : raw)
    v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

error damaged(const std::filesystem::path& file, const std::string& how) {
  return {ec::corrupt, file.string() + " is no whole backup: " + how + "; use another one"};
}

/// The blocks of a file, checked.
class block_reader {
public:
  explicit block_reader(const std::filesystem::path& file)
      : file_(file), in_(file, std::ios::binary) {}

  status begin() {
    if (!in_)
      return {ec::not_found, "cannot read " + file_.string() + "; name a file that backup made"};
    std::string start(magic.size(), '\0');
    in_.read(start.data(), static_cast<std::streamsize>(start.size()));
    if (start != magic)
      return damaged(file_, "it does not begin like one of this version");
    return success();
  }

  result<std::string> next() {
    std::string head(head_bytes, '\0');
    if (!in_.read(head.data(), static_cast<std::streamsize>(head.size())))
      return damaged(file_, "it ends too early");
    const auto size = read_number(std::string_view(head).substr(0, 4));
    if (size > plain_bytes_max)
      return damaged(file_, "a block's size is not possible");
    std::string packed(size, '\0');
    if (!in_.read(packed.data(), static_cast<std::streamsize>(size)))
      return damaged(file_, "it ends too early");
    hash_ = XXH3_64bits_withSeed(packed.data(), packed.size(), hash_);
    if (hash_ != read_number(std::string_view(head).substr(4)))
      return damaged(file_, "a checksum is wrong");
    auto plain = decompress(packed, plain_bytes_max);
    if (!plain)
      return damaged(file_, plain.err().message);
    return plain;
  }

  bool at_end() { return in_.peek() == std::char_traits<char>::eof(); }

private:
  std::filesystem::path file_;
  std::ifstream in_;
  uint64_t hash_ = 0;
};

result<backup_header> read_header(const std::filesystem::path& file, std::string_view plain) {
  reader in(plain);
  backup_header out;
  if (in.array(7, "header") != 7 || in.uint("kind") != static_cast<uint8_t>(block_kind::header))
    return damaged(file, "it has no header");
  const auto format = in.uint("format");
  out.library = in.id<library_id>("library");
  out.name = in.str(wire_limits::op_bytes, "name");
  out.device = in.id<device_id>("device");
  out.version = in.str(wire_limits::op_bytes, "version");
  out.made_ms = in.uint("time");
  in.finish("header");
  if (in.failed())
    return damaged(file, in.err().message);
  if (format < oldest_format || format > store_format)
    return error{ec::unknown_version, file.string() + " was made by shoal " + out.version
                                          + " and has the store format " + std::to_string(format)
                                          + "; this program reads " + std::to_string(oldest_format)
                                          + " to " + std::to_string(store_format)};
  return out;
}

} // namespace

backup_pieces::backup_pieces(std::shared_ptr<const kv_view> view, backup_header about)
    : view_(std::move(view)), about_(std::move(about)) {}

void backup_pieces::put_block(std::string& out, const std::string& plain) {
  const auto packed = compress(plain);
  hash_ = XXH3_64bits_withSeed(packed.data(), packed.size(), hash_);
  put_number(out, packed.size(), 4);
  put_number(out, hash_, 8);
  out += packed;
}

result<bool> backup_pieces::next(std::string& out) {
  std::string plain;
  writer w(plain);
  if (!begun_) {
    begun_ = true;
    out += magic;
    w.array(7), w.uint(static_cast<uint8_t>(block_kind::header)), w.uint(store_format);
    w.bin(about_.library.view()), w.str(about_.name), w.bin(about_.device.view());
    w.str(about_.version), w.uint(about_.made_ms);
    put_block(out, plain);
    return true;
  }
  std::string entries;
  writer each(entries);
  size_t count = 0;
  while (family_ < family_count && entries.size() < block_bytes) {
    auto c = view_->cursor(static_cast<family>(family_));
    c->seek(after_);
    if (!after_.empty() && c->valid() && c->key() == after_)
      c->next();
    for (; c->valid() && entries.size() < block_bytes; c->next()) {
      each.array(3), each.uint(family_), each.bin(c->key()), each.bin(c->value());
      after_ = c->key();
      ++count;
    }
    if (auto read = c->state(); !read)
      return read.err();
    if (c->valid())
      break;
    ++family_;
    after_.clear();
  }
  entries_ += count;
  if (count == 0) {
    w.array(2), w.uint(static_cast<uint8_t>(block_kind::end)), w.uint(entries_);
    put_block(out, plain);
    return false;
  }
  w.array(2), w.uint(static_cast<uint8_t>(block_kind::entries)), w.array(count), w.raw(entries);
  put_block(out, plain);
  return true;
}

result<uint64_t> read_backup(const std::filesystem::path& file,
                             const std::function<status(const backup_header&)>& begin,
                             const std::function<status(const backup_entry&)>& on) {
  block_reader blocks(file);
  if (auto opened = blocks.begin(); !opened)
    return opened.err();
  auto first = blocks.next();
  if (!first)
    return first.err();
  auto about = read_header(file, *first);
  if (!about)
    return about.err();
  if (auto taken = begin(*about); !taken)
    return taken.err();
  for (uint64_t entries = 0;;) {
    auto plain = blocks.next();
    if (!plain)
      return plain.err();
    reader in(*plain);
    in.array(2, "block");
    const auto kind = in.uint("kind");
    if (kind == static_cast<uint8_t>(block_kind::end)) {
      const auto all = in.uint("entries");
      in.finish("block");
      if (in.failed() || all != entries || !blocks.at_end())
        return damaged(file, "its end does not fit the rest");
      return entries;
    }
    if (kind != static_cast<uint8_t>(block_kind::entries))
      in.fail(ec::unknown_kind, "block");
    for (size_t n = in.array(entries_max, "entries"); n > 0 && !in.failed(); --n) {
      backup_entry e;
      in.array(3, "entry");
      e.where = static_cast<family>(in.uint_max(family_count - 1, "family"));
      e.key = in.bin(plain_bytes_max, "key");
      e.value = in.bin(plain_bytes_max, "value");
      if (in.failed())
        break;
      if (auto taken = on(e); !taken)
        return taken.err();
      ++entries;
    }
    in.finish("block");
    if (in.failed())
      return damaged(file, in.err().message);
  }
}

} // namespace shoal
