#pragma once
// What a node durably holds: per (origin, epoch) the highest seq up to which nothing is missing.

#include "messages/ids.hpp"
#include "messages/reader.hpp"
#include "messages/writer.hpp"

#include <map>

namespace shoal {

/// (origin, epoch) → seq. A stream that is absent counts as 0.
using frontier = std::map<stream_id, uint64_t>;

uint64_t seq_of(const frontier& f, const stream_id& s);
/// Raises `into` to the element-wise maximum.
void merge(frontier& into, const frontier& other);
/// True when `a` is at least `b` in every stream.
bool covers(const frontier& a, const frontier& b);
/// Element-wise minimum; a stream absent from either is absent.
frontier minimum(const frontier& a, const frontier& b);

/// Wire form: an array of [origin, epoch, seq], in stream order.
void encode(writer& out, const frontier& f);
frontier read_frontier(reader& in);

/// Opaque to users: url-safe base64 of the wire form, behind a version letter.
std::string to_token(const frontier& f);
result<frontier> parse_token(std::string_view token);

/// 64-bit FNV-1a of the wire form: equal frontiers have equal hashes.
uint64_t hash_of(const frontier& f);
uint64_t fnv1a(std::string_view bytes);

} // namespace shoal
