#pragma once
// The models a node knows: what fields a record has, what may stand in them, how they merge and
// where ids come from. Only the origin of a write asks the registry; a receiver merges without it.

#include "messages/error.hpp"
#include "messages/op.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::models {

enum class value_type : uint8_t {
  string,  // UTF-8
  integer, // 64 bits, signed
  real,    // finite double
  boolean,
  time, // integer, ms since 1970
  uuid, // text at the edges, 16 bytes inside
  json, // anything, at most wire_limits::depth deep
};
/// As error messages put it, for example "a 64-bit integer".
std::string_view to_string(value_type type);

struct field_def {
  std::string name;
  value_type type = value_type::string; // of a set: its elements'; of a map: its values'
  bool required = false;                // an op that names every required field is an insert
  field_kind kind = field_kind::lww;    // parent: the target's death is this record's
  std::string references;               // model whose ids the values are; empty: none
  bool managed = false;                 // only the node itself writes it
  bool local = false;                   // stays on the node that it is written on
  std::string where;                    // FILE:LINE of its declaration; empty: built in
};

/// Where the id of a record comes from.
struct id_rule {
  enum class source : uint8_t {
    random,     // the client's choice, or a fresh one
    own_device, // the device id; clients neither make nor delete such records
    fields,     // UUIDv5 of the values of `fields`, joined by '/'
    one_of,     // UUIDv5 of LABEL/VALUE of the one field of `fields` that is set
  };
  source from = source::random;
  std::vector<std::string> fields; // id fields: fixed once the record exists
  std::vector<std::string> labels; // one_of: a label for each of `fields`
  /// When not empty, `from` holds only for records whose `when_field` is `when_value`; the others'
  /// ids are random.
  std::string when_field;
  std::string when_value;
  bool operator==(const id_rule&) const = default;
};

struct model_def {
  std::string name;
  record_class cls = record_class::shared;
  std::vector<field_def> fields;
  id_rule id;
  std::string where; // FILE:LINE of its declaration; empty: built in
  // Filled in by registry::add.
  record_id id_space;           // namespace of derived ids: v5(DNS namespace, "shoal.NAME")
  uint64_t definition_hash = 0; // equal for equal definitions, whatever the order of the fields

  const field_def* field(std::string_view field_name) const;
};

/// Holds the built-in models from construction on; declared ones are added once, at start. Reading
/// is thread-safe, adding is not. Pointers to definitions live as long as the registry and its
/// copies.
class registry {
public:
  registry();

  /// Adds models that may refer to each other and to those already there: all of them or none.
  /// ec::config with a message that names the place, the model, the field and what would be right.
  status add(std::vector<model_def> group);
  status add(model_def model);

  /// nullptr when there is no such model.
  const model_def* find(std::string_view name) const;
  /// Every model after those that its required fields and its parent fields refer to; optional
  /// references are honoured where that leaves a choice. The order depends on the definitions only.
  const std::vector<const model_def*>& parents_first() const { return order_; }
  /// Of all models together.
  uint64_t hash() const;

private:
  std::map<std::string, std::shared_ptr<const model_def>, std::less<>> models_;
  std::vector<const model_def*> order_;
};

} // namespace shoal::models
