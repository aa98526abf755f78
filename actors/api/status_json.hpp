#pragma once
// The JSON of node, library, member and frontier, in one place for all routes that show them.

#include "actors/api/backend.hpp"

#include <nlohmann/json.hpp>

namespace shoal::api {

/// `{"ORIGIN/EPOCH": seq}`, as to_string(stream_id) writes streams, in stream order.
nlohmann::ordered_json frontier_json(const frontier& f);

/// One element of `members` in `/v1/status` and of `…/peers`. What is not known is null;
/// `last_seen` is ms since 1970.
nlohmann::ordered_json peer_json(const member_status& m);

/// One element of `libraries` in `/v1/status`.
nlohmann::ordered_json library_json(const library_status& s);

/// `/v1/status`.
nlohmann::ordered_json node_json(const node& n);

/// One element of `…/members`.
nlohmann::ordered_json member_json(const device_id& device, const member& m);

/// `{"items":[…],"next":null}` of a list that is whole.
nlohmann::ordered_json whole_list(nlohmann::ordered_json items);

/// Why a library is not ready, and nothing when it is.
std::optional<std::string> not_ready(const library_status& s);

} // namespace shoal::api
