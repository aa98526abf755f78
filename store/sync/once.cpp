// Requests that are made again, by their Idempotency-Key, are answered as they were at first.

#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"

namespace shoal {

constexpr uint64_t once_keys_kept = 100'000;
constexpr uint64_t once_kept_ms = 24ULL * 3600 * 1000;

// An answer to repeat: [request hash, wall ms, [[model, id, hlc, seq]…], number]. The number is
// that of its place in the order of arrival; answers of earlier versions have none.
static std::string encode_answer(const once_key& once, uint64_t wall_ms,
                                 const std::vector<edit_result>& results, uint64_t number) {
  std::string out;
  writer w(out);
  w.array(4), w.uint(once.request_hash), w.uint(wall_ms), w.array(results.size());
  for (const auto& r : results) {
    std::string stamp;
    append_hlc(stamp, r.stamp);
    w.array(4), w.str(r.model), w.bin(r.id.view()), w.bin(stamp), w.uint(r.seq);
  }
  w.uint(number);
  return out;
}

/// Whether the answer has that place in the order of arrival, or tells none.
static bool is_number(std::string_view answer, uint64_t number) {
  reader in(answer);
  if (in.array(4, "answer") < 4)
    return true;
  in.uint("answer");
  in.uint("answer");
  in.frame("answer");
  return in.uint("answer") == number || in.failed();
}

void replica::forget_once(kv_transaction& txn) {
  while (once_number_ - once_oldest_ > once_keys_kept) {
    const auto oldest = keys::tagged('j', keys::u64(once_oldest_));
    auto name = txn.get(family::meta, oldest);
    if (name && *name) {
      // A key that was used again after its day has a newer place.
      const auto kept = keys::tagged('i', **name);
      auto answer = txn.get(family::meta, kept);
      if (answer && *answer && is_number(**answer, once_oldest_))
        txn.erase(family::meta, kept);
    }
    txn.erase(family::meta, oldest);
    ++once_oldest_;
  }
}

result<std::optional<committed>> replica::answer_again(kv_transaction& txn, const once_key& once,
                                                       uint64_t wall_ms) const {
  auto known = txn.get(family::meta, keys::tagged('i', once.key));
  if (!known)
    return known.err();
  if (!*known)
    return std::optional<committed>();
  reader in(**known);
  in.array(4, "answer");
  const auto hash = in.uint("answer");
  const auto at = in.uint("answer");
  committed again;
  for (size_t n = in.array(wire_limits::batch_ops, "answer"); n > 0 && !in.failed(); --n) {
    in.array(4, "answer");
    edit_result r;
    r.model = in.str(wire_limits::name_bytes, "answer");
    r.id = in.id<record_id>("answer");
    if (auto stamp = decode_hlc(in.bin(28, "answer")))
      r.stamp = *stamp;
    r.seq = in.uint("answer");
    again.results.push_back(std::move(r));
  }
  if (in.failed())
    return error{ec::corrupt, "idempotency key on disk: " + in.err().message};
  if (wall_ms >= at + once_kept_ms)
    return std::optional<committed>();
  if (hash != once.request_hash)
    return {ec::conflict, "Idempotency-Key " + once.key + " was used for another request"};
  return std::optional(std::move(again));
}

void replica::keep_answer(kv_transaction& txn, const once_key& once, uint64_t wall_ms,
                          const std::vector<edit_result>& results) {
  txn.put(family::meta, keys::tagged('i', once.key),
          encode_answer(once, wall_ms, results, once_number_));
  txn.put(family::meta, keys::tagged('j', keys::u64(once_number_++)), once.key);
  txn.without_limit([&] { forget_once(txn); }); // mostly one
  txn.put(family::meta, "once", keys::u64(once_number_) + keys::u64(once_oldest_));
}

} // namespace shoal
