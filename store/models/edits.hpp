#pragma once
// From what a client asks to what the store is told: all typing and checking that needs no
// database. What does (ownership, whether a record exists, `fixed` fields, parents) is checked by
// the one who commits.

#include "messages/error.hpp"
#include "messages/ids.hpp"
#include "store/edit.hpp"
#include "store/models/json_tree.hpp"
#include "store/models/registry.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::models {

/// A put as it came over HTTP or from the command line. Refers to the caller's data.
struct edit_request {
  std::string_view model;
  std::string_view id; // "new" or a uuid
  const json_value& fields;
  device_id self;
  const std::function<record_id()>& random_id; // called at most once, for a fresh id
};

/// Refuses with
///   unknown_model, bad_request   no such model; an id that is neither `new` nor a uuid; fields
///   that are no object invalid_field                an unknown field, a value of another type,
///   null for a required field, both scopes
///                                of user_metadata; the message begins "MODEL.FIELD: "
///   missing_field                `new` for a derived id without its id fields
///   id_mismatch                  another id than the one the id fields derive
///   managed, not_owner           a field of a device that only the node writes; another node's
///   device
/// In the edit: values as reader::value() takes them, fields in name order, id fields `fixed`, and
/// `missing_required` complete. Tags with a UUIDv5 count as derived: their id fields are fixed,
/// too.
result<edit> to_edit(const registry& models, const edit_request& request);

/// unknown_model, bad_request, and managed for a device, which is deleted by removing the member.
result<edit> to_remove(const registry& models, std::string_view model, std::string_view id);

/// What a node knows of its own machine. What is empty or 0 is not known: it is left out, and what
/// stood stays.
struct device_facts {
  std::string name; // always written: pass on the standing name if a client has changed it
  std::string slug;
  std::string os;
  std::string os_version;
  std::string hardware_model;
  std::vector<std::string> addresses;
  std::vector<std::string> capabilities;
  std::string cpu_model;
  uint64_t memory_total_bytes = 0;
};
/// The insert of the node's own device record. Text from the machine that is not UTF-8 is made so.
edit own_device_edit(device_id self, const device_facts& facts);

/// UUIDv5 of `name` in the model's namespace, the rule behind all derived ids; `name` is taken as
/// it is.
record_id derived_id(const model_def& model, std::string_view name);

} // namespace shoal::models
