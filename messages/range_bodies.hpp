#pragma once
// Wire form of ranges and of the messages that find and repair differences; used by message.cpp
// alone.

#include "messages/message.hpp"

namespace shoal {

void body_of(writer& w, const range_message& m);
void body_of(writer& w, const compare_request& m);
void body_of(writer& w, const compare_response& m);
void body_of(writer& w, const shared_change_request& m);
void body_of(writer& w, const snapshot_required& m);
range_message read_range_body(reader& in, message_kind kind);
compare_request read_compare_request(reader& in);
compare_response read_compare_response(reader& in);
shared_change_request read_shared_change_request(reader& in);
snapshot_required read_snapshot_required(reader& in);

} // namespace shoal
