#include "store/rocks_write_batch.hpp"

#include <rocksdb/db.h>

#include <array>
#include <string>

namespace shoal {

namespace {

// RocksDB 7.8: db/write_batch.cc has the layout, db/dbformat.h (ValueType) the tags.
constexpr size_t sequence_bytes = 8; // RocksDB's to fill
constexpr size_t count_bytes = 4;    // little-endian
constexpr char tag_delete = 0x0;
constexpr char tag_put = 0x1;
constexpr char tag_log_data = 0x3;
constexpr char tag_delete_in_family = 0x4; // of another family than the first
constexpr char tag_put_in_family = 0x5;

/// What stands before a string: bytes, and a varint of RocksDB's (base 128, little-endian).
class head {
public:
  void byte(char b) { bytes_[size_++] = b; }
  void varint(uint32_t v) {
    for (; v >= 0x80; v >>= 7)
      byte(static_cast<char>(v | 0x80));
    byte(static_cast<char>(v));
  }
  void append_to(std::string& out, std::string_view text) {
    varint(static_cast<uint32_t>(text.size()));
    out.append(bytes_.data(), size_).append(text);
    size_ = 0;
  }

private:
  std::array<char, 16> bytes_; // a tag, two varints
  size_t size_ = 0;
};

} // namespace

rocksdb::WriteBatch write_batch_of(const kv_batch& batch,
                                   const std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                                   std::string_view log_data, size_t bytes) {
  std::array<uint32_t, family_count> ids{};
  for (size_t f = 0; f < handles.size(); ++f)
    ids[f] = handles[f]->GetID();
  std::string out;
  out.reserve(bytes);
  out.resize(sequence_bytes);
  for (size_t i = 0; i < count_bytes; ++i)
    out += static_cast<char>(batch.size() >> (8 * i));
  head before;
  for (const auto& w : batch) {
    const auto id = ids[static_cast<size_t>(w.where)];
    if (id == 0) {
      before.byte(w.value ? tag_put : tag_delete);
    } else {
      before.byte(w.value ? tag_put_in_family : tag_delete_in_family);
      before.varint(id);
    }
    before.append_to(out, w.key);
    if (w.value)
      before.append_to(out, *w.value);
  }
  before.byte(tag_log_data);
  before.append_to(out, log_data);
  return rocksdb::WriteBatch(std::move(out));
}

} // namespace shoal
