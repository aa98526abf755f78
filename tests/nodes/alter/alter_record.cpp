// alter_record STORE DEVICE FROM TO: in the store of a node that is stopped, replaces a text within
// the rows of shared records, and makes digest and indexes fit: what stands there is not what was
// written, and nothing on this disk shows it.

#include "store/rocks_store.hpp"
#include "store/sync/replica.hpp"

#include <iostream>
#include <string>

using namespace shoal;

namespace {

/// How many rows were altered.
result<size_t> alter(const std::string& path, const device_id& self, const std::string& from,
                     const std::string& to) {
  rocks_options existing;
  existing.create = false;
  auto store = rocks_store::open(path, existing);
  if (!store)
    return store.err();
  kv_transaction txn(**store);
  size_t altered = 0;
  const auto cursor = (*store)->cursor(family::shared);
  for (cursor->seek(""); cursor->valid(); cursor->next()) {
    std::string row(cursor->value());
    if (const auto at = row.find(from); at != std::string::npos) {
      txn.put(family::shared, std::string(cursor->key()), row.replace(at, from.size(), to));
      ++altered;
    }
  }
  if (auto read = cursor->state(); !read)
    return read.err();
  auto data = replica::open(**store, self, {});
  if (!data)
    return data.err();
  if (auto fits = (*data)->reindex(txn); !fits)
    return fits.err();
  (*data)->seal(txn);
  if (auto written = (*store)->commit(txn.take()); !written)
    return written.err();
  if (auto closed = (*store)->close(); !closed)
    return closed.err();
  return altered;
}

} // namespace

int main(int argc, char** argv) {
  const auto device = argc == 5 ? parse_id<device_id>(argv[2]) : std::nullopt;
  if (!device || std::string_view(argv[3]).size() != std::string_view(argv[4]).size()) {
    std::cerr << "alter_record STORE DEVICE FROM TO, both texts of one length\n";
    return 2;
  }
  const auto altered = alter(argv[1], *device, argv[3], argv[4]);
  if (!altered || *altered == 0) {
    std::cerr << (altered ? "no shared record holds that text" : altered.err().message) << "\n";
    return 1;
  }
  return 0;
}
