#include "messages/plain_op.hpp"

namespace shoal {

using namespace wire_limits;

namespace {

/// As read_previous() in op.cpp.
void pass_previous(reader& in) {
  if (in.take_nil() || in.failed())
    return;
  const size_t begin = in.offset();
  if (!in.at_end() && in.between(begin, begin + 1) == "\xc2") {
    in.boolean("prev");
    return;
  }
  if (in.array(3, "prev") != 3)
    in.fail(ec::bad_value, "prev");
  in.uint("prev wall");
  in.uint_max(UINT32_MAX, "prev counter");
  in.id<device_id>("prev device");
}

/// False for a field of another kind, a cleared one, and one with items that this version does not
/// know.
bool read_plain_field(reader& in, plain_field& f) {
  const size_t items = in.array(64, "field");
  f.name = in.str(name_bytes, "field name");
  const auto kind = in.uint("field kind");
  if (in.failed() || kind > UINT8_MAX) // as one byte it would be another's
    return false;
  f.kind = static_cast<field_kind>(kind);
  const bool parent = f.kind == field_kind::parent;
  if ((!parent && f.kind != field_kind::lww) || items != (parent ? 5U : 4U) || in.take_nil())
    return false;
  f.value = in.value("field value");
  pass_previous(in);
  f.parent_model = parent ? in.str(name_bytes, "parent model") : std::string_view{};
  return !in.failed();
}

} // namespace

bool read_plain_insert(std::string_view bytes, const device_id& origin, plain_op& into) {
  reader in(bytes);
  if (in.array(64, "op") != 9)
    return false;
  into.seq = in.uint("op seq");
  into.batch_rest = static_cast<uint32_t>(in.uint_max(batch_ops, "op batch rest"));
  into.stamp.wall_ms = in.uint("op wall");
  into.stamp.counter = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "op counter"));
  into.stamp.device = origin;
  into.cls = static_cast<record_class>(in.uint_max(1, "op class"));
  if (in.uint("op kind") != static_cast<uint64_t>(op_kind::insert) || in.failed())
    return false;
  into.model = in.str(name_bytes, "op model");
  into.id = in.id<record_id>("op record");
  into.fields.resize(in.array(fields, "op fields"));
  std::string_view last;
  for (auto& f : into.fields) {
    if (!read_plain_field(in, f) || (&f != into.fields.data() && f.name <= last))
      return false;
    last = f.name;
  }
  if (in.failed() || into.seq == 0 || in.offset() > op_bytes)
    return false;
  into.bytes = in.between(0, in.offset());
  return true;
}

} // namespace shoal
