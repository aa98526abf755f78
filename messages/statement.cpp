// The statement inside its message: it is passed on between members, so it has a form of its own.

#include "messages/message.hpp"

namespace shoal {

void encode(writer& w, const statement& s) {
  w.array(6);
  w.bin(s.member.view());
  w.uint(s.number);
  w.uint(s.membership);
  encode(w, s.held);
  w.bin(s.public_key);
  w.bin(s.signature);
}

statement read_statement(reader& in) {
  statement s;
  const size_t items = in.array(64, "statement");
  if (items < 6)
    in.fail(ec::bad_value, "statement");
  s.member = in.id<device_id>("statement member");
  s.number = in.uint("statement number");
  s.membership = in.uint("statement membership");
  s.held = read_folded_frontier(in);
  s.public_key = in.bin(256, "statement key");
  s.signature = in.bin(256, "statement signature");
  in.charge(s.public_key.size() + s.signature.size(), "statement");
  for (size_t i = 6; i < items && !in.failed(); ++i)
    in.skip("statement");
  return s;
}

std::string signed_bytes(const statement& s, const library_id& library) {
  std::string out = "shoal statement 1";
  writer w(out);
  w.bin(library.view());
  w.bin(s.member.view());
  w.uint(s.number);
  w.uint(s.membership);
  encode(w, s.held);
  return out;
}

} // namespace shoal
