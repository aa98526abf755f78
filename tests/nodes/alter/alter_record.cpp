// Alters the shared records in the store of a node that is stopped, and makes digest and indexes
// fit: what stands there is not what was written, and nothing on this disk shows it.
//   alter_record STORE DEVICE replace FROM TO   a text within rows
//   alter_record STORE DEVICE keep TEXT FILE    writes the rows that hold the text to a file …
//   alter_record STORE DEVICE put FILE          … to stand again as they were then

#include "store/rocks_store.hpp"
#include "store/sync/replica.hpp"

#include <fstream>
#include <iostream>
#include <map>
#include <string>

using namespace shoal;

namespace {

using rows = std::map<std::string, std::string>;

result<rows> rows_with(const kv_view& store, const std::string& text) {
  rows out;
  const auto cursor = store.cursor(family::shared);
  for (cursor->seek(""); cursor->valid(); cursor->next())
    if (cursor->value().find(text) != std::string::npos)
      out.emplace(cursor->key(), cursor->value());
  if (auto read = cursor->state(); !read)
    return read.err();
  if (out.empty())
    return {ec::not_found, "no shared record holds that text"};
  return out;
}

status put(rocks_store& store, const device_id& self, const rows& all) {
  kv_transaction txn(store);
  for (const auto& [key, row] : all)
    txn.put(family::shared, key, row);
  auto data = replica::open(store, self, {});
  if (!data)
    return data.err();
  if (auto fits = (*data)->reindex(txn); !fits)
    return fits;
  (*data)->seal(txn);
  return store.commit(txn.take());
}

status replace(rocks_store& store, const device_id& self, const std::string& from,
               const std::string& to) {
  auto found = rows_with(store, from);
  if (!found)
    return found.err();
  for (auto& [key, row] : *found)
    row.replace(row.find(from), from.size(), to);
  return put(store, self, *found);
}

status keep(const rocks_store& store, const std::string& text, const std::string& file) {
  const auto found = rows_with(store, text);
  if (!found)
    return found.err();
  std::ofstream out(file, std::ios::binary);
  for (const auto& [key, row] : *found)
    out << key.size() << ' ' << row.size() << ' ' << key << row;
  return out.flush() ? success() : error{ec::bad_request, "cannot write " + file};
}

result<rows> kept(const std::string& file) {
  rows out;
  std::ifstream in(file, std::ios::binary);
  size_t key_size = 0;
  size_t row_size = 0;
  while (in >> key_size >> row_size && in.get() == ' ') {
    std::string key(key_size, '\0');
    std::string row(row_size, '\0');
    in.read(key.data(), static_cast<std::streamsize>(key_size));
    in.read(row.data(), static_cast<std::streamsize>(row_size));
    out.emplace(std::move(key), std::move(row));
  }
  if (out.empty())
    return {ec::bad_request, file + " holds no rows"};
  return out;
}

status run(const std::vector<std::string>& words, const device_id& self) {
  rocks_options existing;
  existing.create = false;
  auto store = rocks_store::open(words[0], existing);
  if (!store)
    return store.err();
  const auto& what = words[2];
  auto done = status(error{ec::bad_request, "no such command: " + what});
  if (what == "replace" && words.size() == 5 && words[3].size() == words[4].size()) {
    done = replace(**store, self, words[3], words[4]);
  } else if (what == "keep" && words.size() == 5) {
    done = keep(**store, words[3], words[4]);
  } else if (what == "put" && words.size() == 4) {
    const auto all = kept(words[3]);
    done = all ? put(**store, self, *all) : all.err();
  }
  return done ? (*store)->close() : done;
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto device = words.size() > 2 ? parse_id<device_id>(words[1]) : std::nullopt;
  const auto done = device ? run(words, *device) : error{ec::bad_request, "STORE DEVICE COMMAND …"};
  if (done)
    return 0;
  std::cerr << done.err().message << "\n";
  return 1;
}
