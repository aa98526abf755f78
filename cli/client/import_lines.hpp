#pragma once
// Reading NDJSON and putting it into batches: what `import` does, apart from HTTP.

#include "cli/client/json.hpp"
#include "messages/error.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

/// One line's op, as JSON text for a batch's `ops`.
struct numbered_op {
  uint64_t line = 0; // counted from 1
  std::string text;
};

/// The op of a line `{"model","id","fields"}` or `{"model","id","delete":true}`. What else a line
/// of `export` holds (owner, origin, seq, hlc, deleted) is left out: importing is writing anew.
/// ec::bad_request says what is wrong with any other line.
result<std::string> op_of_line(std::string_view line);

/// The body of a batch request.
std::string batch_body(const std::vector<numbered_op>& ops, size_t from, size_t to);

/// How a node took a batch.
enum class verdict : uint8_t {
  taken,   // all of it is durable
  refused, // nothing of it: one op at least is bad
  broken,  // no batch has a chance now: the node is gone, its disk fails, the token is wrong
};

struct batch_outcome {
  verdict how = verdict::broken;
  std::string problem; // unless taken
};

/// Gives `ops` to `send`, in order and as few batches as possible. A refused batch is halved until
/// the ops that are bad stand alone; each of those goes to `bad` with the reason, and all others
/// are written. Stops at the first `broken` and returns it; else `taken`.
batch_outcome send_around_bad_ones(
    const std::vector<numbered_op>& ops,
    const std::function<batch_outcome(const std::string& body, size_t ops)>& send,
    const std::function<void(const numbered_op&, const std::string& problem)>& bad);

} // namespace shoal::cli
