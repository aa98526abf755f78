#pragma once
// What a client wants changed, in terms that the sync code understands: `store/models` turns a
// request into an edit, `store/sync` turns an edit into an op. Neither needs to know the other.

#include "messages/op.hpp"

#include <string>
#include <utility>
#include <vector>

namespace shoal {

struct field_edit {
  std::string name;
  field_kind kind = field_kind::lww;
  std::string value;        // lww, parent: encoded value; nil clears the field
  std::string parent_model; // parent
  bool fixed = false; // may be set by the insert only; another value later is ec::invalid_field
  // set
  bool replace =
      false; // the set becomes exactly `add`; a map: the standing keys not in `keys` are cleared
  std::vector<std::string> add;    // encoded elements
  std::vector<std::string> remove; // encoded elements
  // counter; `replace`: the value that the counter shall have here
  int64_t delta = 0;
  // map: key → encoded value, nil clears the key
  std::vector<std::pair<std::string, std::string>> keys;
};

/// One record's change.
struct edit {
  record_class cls = record_class::shared;
  std::string model;
  record_id id;
  bool remove = false;
  bool hidden_too = false; // with `remove`: also what a cascade has taken already
  /// Required fields that `fields` leaves out. Empty: the op is an insert; else an update, which
  /// needs the record to exist (ec::missing_field names the first of these otherwise).
  std::vector<std::string> missing_required;
  std::vector<field_edit> fields; // unique names
  /// Name → encoded value, nil clears: what stays on this node. With nothing else to say, the edit
  /// makes no op; the record must exist.
  std::vector<std::pair<std::string, std::string>> local;
};

/// What became of one edit.
struct edit_result {
  std::string model;
  record_id id;
  hlc stamp;
  uint64_t seq = 0;
};

} // namespace shoal
