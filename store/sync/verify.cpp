#include "store/sync/verify.hpp"

#include "store/sync/by_seq.hpp"
#include "store/sync/marks.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>

namespace shoal {

namespace {

constexpr size_t described_max = 100;

class checker {
public:
  explicit checker(const kv_view& view) : view_(view) {}

  verify_report run() {
    for (auto cls : {record_class::owned, record_class::shared}) {
      rows(cls);
      index(cls);
    }
    log();
    said();
    return std::move(out_);
  }

private:
  void problem(std::string what) {
    if (++out_.problems <= described_max)
      out_.described.push_back(std::move(what));
  }
  static std::string name(record_class cls, std::string_view key) {
    const auto n = keys::parse_row(cls, key);
    return n ? std::string(n->model) + " " + to_string(n->id) : "a row with a damaged key";
  }

  void rows(record_class cls) {
    const auto where = cls == record_class::owned ? family::owned : family::shared;
    const auto by_seq = cls == record_class::owned ? family::owned_by_seq : family::shared_by_seq;
    auto scanned = scan_prefix(view_, where, "", "", [&](std::string_view key, std::string_view v) {
      auto r = read_row(view_, cls, key, v);
      if (!r || !keys::parse_row(cls, key)) {
        problem(name(cls, key) + ": " + (r ? "its key does not parse" : r.err().message));
        return true;
      }
      if (r->visible) {
        ++out_.records;
        const auto digest = digest_of(*r, cls, key);
        add(out_.digest, digest);
        if (cls == record_class::owned)
          add(owners_[keys::parse_row(cls, key)->owner], digest);
      }
      for (const auto& d : standing(*r)) {
        ++out_.versions;
        auto entry = view_.get(by_seq, keys::by_seq(d.stream(), d.seq));
        if (!entry || !*entry)
          problem(name(cls, key) + ": the index lacks its version " + to_string(d.stream()) + " "
                  + std::to_string(d.seq));
      }
      for (const auto& m : marks(*r)) {
        auto entry = view_.get(family::index, keys::mark(m.stamp.wall_ms, m.at(), cls, key));
        if (!entry || !*entry)
          problem(name(cls, key) + ": the index lacks a mark of it");
      }
      return true;
    });
    if (!scanned)
      problem(std::string(to_string(where)) + ": " + scanned.err().message);
  }

  void index(record_class cls) {
    const auto by_seq = cls == record_class::owned ? family::owned_by_seq : family::shared_by_seq;
    auto scanned =
        scan_prefix(view_, by_seq, "", "", [&](std::string_view key, std::string_view v) {
          const auto stream = keys::parse_stream(key);
          const dot at{stream.origin, stream.epoch, keys::read_u64(key.substr(24))};
          auto entry = read_by_seq_entry(v);
          if (!entry) {
            problem(to_string(stream) + " " + std::to_string(at.seq) + ": " + entry.err().message);
            return true;
          }
          auto r = row_of(view_, cls, stream.origin, *entry);
          if (!r) {
            problem(r.err().message);
          } else if (const auto all = standing(*r);
                     !std::binary_search(all.begin(), all.end(), at)) {
            problem(entry->model + " " + to_string(entry->id) + ": the index names a version, "
                    + to_string(stream) + " " + std::to_string(at.seq) + ", that does not stand");
          } else if (is_kept_op(v)) {
            const auto kept =
                is_kept_at(view_, keys::row(cls, entry->model, entry->id, stream.origin), at);
            if (!kept || !*kept)
              problem(entry->model + " " + to_string(entry->id) + ": the index keeps an op of it, "
                      + to_string(stream) + " " + std::to_string(at.seq)
                      + ", that the row is more than");
          }
          return true;
        });
    if (!scanned)
      problem(std::string(to_string(by_seq)) + ": " + scanned.err().message);
  }

  void log() {
    auto scanned = scan_prefix(
        view_, family::log_by_seq, "", "", [&](std::string_view key, std::string_view v) {
          ++out_.log_entries;
          const auto stream = keys::parse_stream(key);
          const auto seq = keys::read_u64(key.substr(24));
          auto stamp = decode_hlc(v);
          auto entry =
              stamp ? view_.get(family::log, keys::log(*stamp, {stream.origin, stream.epoch, seq}))
                    : result<std::optional<std::string>>(stamp.err());
          if (!entry || !*entry)
            problem("log: lacks " + to_string(stream) + " " + std::to_string(seq));
          return true;
        });
    if (!scanned)
      problem(std::string(to_string(family::log_by_seq)) + ": " + scanned.err().message);
  }

  void said() {
    auto digest = view_.get(family::meta, "digest");
    if (!digest)
      return problem("meta: " + digest.err().message);
    digest_value kept;
    if (*digest)
      kept = {keys::read_u64(**digest), keys::read_u64((*digest)->substr(8))};
    if (kept != out_.digest)
      problem("the digest kept is " + to_string(kept) + ", the records' is "
              + to_string(out_.digest));
    auto scanned =
        scan_prefix(view_, family::meta, keys::tagged('D', {}), keys::tagged('D', {}),
                    [&](std::string_view key, std::string_view raw) {
                      const auto owner = device_id::from_bytes(key.substr(1));
                      if (!owner)
                        return true;
                      const digest_value said{keys::read_u64(raw), keys::read_u64(raw.substr(8))};
                      if (const auto is = std::exchange(owners_[*owner], {}); said != is)
                        problem("the digest kept of the records of " + to_string(*owner) + " is "
                                + to_string(said) + ", theirs is " + to_string(is));
                      return true;
                    });
    if (!scanned)
      problem(std::string(to_string(family::meta)) + ": " + scanned.err().message);
  }

  const kv_view& view_;
  std::map<device_id, digest_value> owners_;
  verify_report out_;
};

} // namespace

verify_report verify_store(const kv_view& view) { return checker(view).run(); }

} // namespace shoal
