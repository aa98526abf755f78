#pragma once
// Reading records, in any state, out of any view.

#include "store/record.hpp"
#include "store/sync/kv.hpp"

#include <functional>

namespace shoal {

/// The record, also when it is deleted (then `deleted` is set); nothing if no trace of it stands.
/// Of device-owned records that several owners gave one id, the lowest owner's.
result<std::optional<record_view>> get_record(const kv_view& view, record_class cls,
                                              std::string_view model, const record_id& id);

/// Calls `on` for each record of a model in id order, from the first id greater than `after` on,
/// until it returns false. `with_deleted` adds records whose delete mark stands.
status list_records(const kv_view& view, record_class cls, std::string_view model,
                    const record_id* after, bool with_deleted,
                    const std::function<bool(record_view&&)>& on);

/// Adds the values that stay on this node to what a client is shown; no export has them. They stand
/// before synced ones of the same name.
status add_local(const kv_view& view, record_view& into);

/// Names of the models of which any record is present, live or not, in name order.
result<std::vector<std::pair<record_class, std::string>>> models_present(const kv_view& view);

/// One entry of the HLC-ordered shared log.
struct log_entry {
  hlc stamp;
  stream_id stream;
  op what;
};
/// Calls `on` for each entry with a stamp greater than `after`, in stamp order, until it returns
/// false.
status list_log(const kv_view& view, const hlc* after, const std::function<bool(log_entry&&)>& on);

} // namespace shoal
