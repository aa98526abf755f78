#include "messages/op.hpp"

namespace shoal {

using namespace wire_limits;

void encode(writer& out, const dot& d) {
  out.array(3);
  out.bin(d.origin.view());
  out.uint(d.epoch);
  out.uint(d.seq);
}

dot read_dot(reader& in) {
  if (in.array(3, "dot") != 3)
    in.fail(ec::bad_value, "dot");
  dot d;
  d.origin = in.id<device_id>("dot origin");
  d.epoch = in.uint("dot epoch");
  d.seq = in.uint("dot seq");
  return d;
}

static void encode(writer& out, const previous& p) {
  switch (p.known) {
  case previous::state::none: return out.nil();
  case previous::state::unknown: return out.boolean(false);
  case previous::state::stamp:
    out.array(3);
    out.uint(p.stamp.wall_ms);
    out.uint(p.stamp.counter);
    out.bin(p.stamp.device.view());
    return;
  }
}

static previous read_previous(reader& in) {
  if (in.take_nil())
    return {};
  previous p;
  const size_t begin = in.offset();
  if (!in.failed() && !in.at_end() && in.between(begin, begin + 1) == "\xc2") {
    in.boolean("prev");
    p.known = previous::state::unknown;
    return p;
  }
  if (in.array(3, "prev") != 3)
    in.fail(ec::bad_value, "prev");
  p.known = previous::state::stamp;
  p.stamp.wall_ms = in.uint("prev wall");
  p.stamp.counter = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "prev counter"));
  p.stamp.device = in.id<device_id>("prev device");
  return p;
}

static void encode(writer& out, const field_op& f) {
  switch (f.kind) {
  case field_kind::lww: out.array(4); break;
  case field_kind::set: out.array(3); break;
  case field_kind::counter: out.array(4); break;
  case field_kind::map: out.array(3); break;
  case field_kind::parent: out.array(5); break;
  }
  out.str(f.name);
  out.uint(static_cast<uint64_t>(f.kind));
  switch (f.kind) {
  case field_kind::lww:
  case field_kind::parent:
    out.raw(f.value);
    encode(out, f.prev);
    if (f.kind == field_kind::parent)
      out.str(f.parent_model);
    return;
  case field_kind::set:
    out.array(f.elements.size());
    for (const auto& e : f.elements) {
      out.array(3);
      out.raw(e.element);
      out.boolean(e.adds);
      out.array(e.removes.size());
      for (const auto& d : e.removes)
        encode(out, d);
    }
    return;
  case field_kind::counter:
    out.uint(f.added);
    out.uint(f.subtracted);
    return;
  case field_kind::map:
    out.array(f.keys.size());
    for (const auto& k : f.keys) {
      out.array(3);
      out.str(k.key);
      out.raw(k.value);
      encode(out, k.prev);
    }
    return;
  }
}

static field_op read_field(reader& in) {
  field_op f;
  const size_t items = in.array(64, "field");
  f.name = in.str(name_bytes, "field name");
  f.kind = static_cast<field_kind>(in.uint_max(4, "field kind"));
  size_t used = 3;
  switch (f.kind) {
  case field_kind::lww:
  case field_kind::parent:
    f.value = in.value("field value");
    f.prev = read_previous(in);
    used = 4;
    if (f.kind == field_kind::parent) {
      f.parent_model = in.str(name_bytes, "parent model");
      used = 5;
    }
    break;
  case field_kind::set:
    f.elements.resize(in.array(elements, "set elements"));
    for (auto& e : f.elements) {
      if (in.array(3, "set element") != 3)
        in.fail(ec::bad_value, "set element");
      e.element = in.value("set element");
      e.adds = in.boolean("set element");
      e.removes.resize(in.array(elements, "removed dots"));
      for (auto& d : e.removes)
        d = read_dot(in);
      if (in.failed())
        break;
    }
    break;
  case field_kind::counter:
    f.added = in.uint("counter added");
    f.subtracted = in.uint("counter subtracted");
    used = 4;
    break;
  case field_kind::map:
    f.keys.resize(in.array(elements, "map keys"));
    for (auto& k : f.keys) {
      if (in.array(3, "map key") != 3)
        in.fail(ec::bad_value, "map key");
      k.key = in.str(op_bytes, "map key");
      k.value = in.value("map value");
      k.prev = read_previous(in);
      if (in.failed())
        break;
    }
    break;
  }
  if (items < used)
    in.fail(ec::bad_value, "field");
  for (size_t i = used; i < items && !in.failed(); ++i)
    in.skip("field");
  return f;
}

void encode(writer& out, const op& o) {
  const bool seen = o.kind == op_kind::remove && o.seen.known == previous::state::stamp;
  out.array(seen ? 10 : 9);
  out.uint(o.seq);
  out.uint(o.batch_rest);
  out.uint(o.stamp.wall_ms);
  out.uint(o.stamp.counter);
  out.uint(static_cast<uint64_t>(o.cls));
  out.uint(static_cast<uint64_t>(o.kind));
  out.str(o.model);
  out.bin(o.id.view());
  out.array(o.fields.size());
  for (const auto& f : o.fields)
    encode(out, f);
  if (seen)
    encode(out, o.seen);
}

std::string encode_op(const op& o) {
  std::string out;
  writer w(out);
  encode(w, o);
  return out;
}

op read_op(reader& in, const device_id& origin) {
  const size_t begin = in.offset();
  op o;
  const size_t items = in.array(64, "op");
  if (items < 9)
    in.fail(ec::bad_value, "op");
  o.seq = in.uint("op seq");
  o.batch_rest = static_cast<uint32_t>(in.uint_max(batch_ops, "op batch rest"));
  o.stamp.wall_ms = in.uint("op wall");
  o.stamp.counter = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "op counter"));
  o.stamp.device = origin;
  o.cls = static_cast<record_class>(in.uint_max(1, "op class"));
  o.kind = static_cast<op_kind>(in.uint_max(2, "op kind"));
  o.model = in.str(name_bytes, "op model");
  o.id = in.id<record_id>("op record");
  o.fields.resize(in.array(fields, "op fields"));
  for (auto& f : o.fields) {
    f = read_field(in);
    if (in.failed())
      break;
  }
  size_t parts = 0; // the bound is the op's: many fields of many elements would add up
  for (const auto& f : o.fields)
    parts += f.elements.size() + f.keys.size();
  if (parts > elements)
    in.fail(ec::too_large, "op elements");
  for (size_t i = 1; i < o.fields.size() && !in.failed(); ++i)
    if (o.fields[i].name <= o.fields[i - 1].name)
      in.fail(ec::duplicate_key, "op fields");
  if (o.seq == 0 && !in.failed())
    in.fail(ec::bad_value, "op seq");
  const bool seen = items > 9 && o.kind == op_kind::remove;
  if (seen)
    o.seen = read_previous(in);
  for (size_t i = seen ? 10 : 9; i < items && !in.failed(); ++i)
    in.skip("op");
  if (!in.failed() && in.offset() - begin > op_bytes)
    in.fail(ec::too_large, "op");
  return o;
}

} // namespace shoal
