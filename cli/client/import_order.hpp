#pragma once
// In which order the lines of an import are written. A node refuses a record whose cascading parent
// it does not have, and an export has its lines by model and id. So a line whose parent's line
// comes later waits for it; all others keep their place, also those of one record among each other.
//
// Memory: two passes over the file, of which the first keeps 8 bytes for each record and reference
// of a cascading model, the second about 50 for each line that waits. Text stays in the file.

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace shoal::cli {

/// Names a record by a hash; a clash of two would only make a line wait for the wrong one.
uint64_t record_key(std::string_view model, std::string_view id);

/// What an import line is about, as far as the order goes.
struct line_keys {
  uint64_t record = 0; // 0: no other line can mean it
  bool writes = true;  // false: it deletes
  std::vector<uint64_t> parents;
};

/// Where a line stands in the file.
struct line_place {
  uint64_t number = 0; // from 1
  uint64_t offset = 0; // bytes
};

class import_order {
public:
  /// First pass: every line that has keys.
  void survey(const line_keys& keys);
  /// Between the passes.
  void end_survey();
  /// Second pass, the same lines: appends to `now` what is to be written next, this line among it
  /// unless it waits.
  void take(const line_place& at, const line_keys& keys, std::vector<line_place>& now);
  /// In the end: lines that wait for each other, in the order of the file. Only the node can say
  /// what is wrong with them.
  std::vector<line_place> rest() const;

private:
  struct held_line {
    line_place at;
    uint64_t record = 0;
    uint64_t parent = 0;                                 // one that may be missing yet; 0: none
    std::unique_ptr<std::vector<uint64_t>> more_parents; // of models with several of them
    bool writes = true;
  };

  uint64_t missing_parent(const held_line& line) const;
  /// True when the line has to wait; it is stored then.
  bool hold(held_line& line);
  void release(held_line line, std::vector<line_place>& now);

  std::vector<uint64_t> lines_;   // first pass: records of all lines
  std::vector<uint64_t> written_; // first pass: records that a line writes
  std::vector<uint64_t> parents_; // first pass

  std::unordered_set<uint64_t> unsent_;            // parents whose line is still to come
  std::unordered_set<uint64_t> repeated_;          // records of several lines
  std::unordered_map<uint64_t, uint64_t> blocked_; // a repeated record → the parent it waits for
  std::unordered_map<uint64_t, std::vector<held_line>> waiting_; // by parent, in file order
};

} // namespace shoal::cli
