#pragma once
// Reading NDJSON and putting it into batches: what `import` does, apart from HTTP.

#include "cli/client/import_order.hpp"
#include "cli/client/json.hpp"
#include "messages/error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

/// One line's op, as JSON text for a batch's `ops`.
struct numbered_op {
  uint64_t line = 0; // counted from 1
  std::string text;
};

/// What importing needs to know of the node's models.
class import_models {
public:
  struct facts {
    std::set<std::string> counters;
    std::map<std::string, std::string> cascades; // field → the model it cascades from
    bool is_parent = false;                      // another model, or itself, cascades from it
    bool made_by_node = false; // its records are the devices' own: they cannot be imported
  };

  /// From the answer to GET /v1/models. What is not as a node would say it is left out.
  static import_models of(const json& answer);
  /// nullptr when the node does not know the model.
  const facts* find(const std::string& model) const;

private:
  std::map<std::string, facts> models_;
};

/// What a line asks for.
struct import_op {
  std::string text;     // for a batch's `ops`; empty: an export's line that is not for importing
  bool ordered = false; // `keys` tell its order; else it can be written in its place
  line_keys keys;
};

/// The op of a line `{"model","id","fields"}` or `{"model","id","delete":true}`. What else a line
/// of `export` holds (owner, origin, seq, hlc, deleted) is left out: importing is writing anew. In
/// such a line a counter's value becomes `{"$set": n}`. ec::bad_request says what is wrong with any
/// other line, ec::unknown_model that the node has no such model.
result<import_op> op_of_line(std::string_view line, const import_models& models);

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

/// Takes the words `ops[N]: `, by which a node says which op of a batch is bad, out of `problem`,
/// and returns N; nothing when they are not there.
std::optional<size_t> take_op_index(std::string& problem);

/// Gives `ops` to `send`, in order and as few batches as possible. A refused batch is sent again
/// around the op that the node named, or halved until the ops that are bad stand alone; each of
/// those goes to `bad` with the reason, and all others are written. Stops at the first `broken` and
/// returns it; else `taken`.
batch_outcome send_around_bad_ones(
    const std::vector<numbered_op>& ops,
    const std::function<batch_outcome(const std::string& body, size_t ops)>& send,
    const std::function<void(const numbered_op&, const std::string& problem)>& bad);

} // namespace shoal::cli
