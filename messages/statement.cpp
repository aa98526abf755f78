// The statement inside its message: it is passed on between members, so it has a form of its own.

#include "messages/message.hpp"

namespace shoal {

void encode(writer& w, const statement& s) {
  w.array(7);
  w.bin(s.member.view());
  w.uint(s.number);
  w.uint(s.membership);
  encode(w, s.held);
  w.bin(s.public_key);
  w.bin(s.signature);
  w.bin(s.owner_digest);
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
  if (items > 6)
    s.owner_digest = in.bin(16, "statement owner_digest");
  if (s.owner_digest.size() % 16 != 0)
    in.fail(ec::bad_value, "statement owner_digest");
  for (size_t i = 7; i < items && !in.failed(); ++i)
    in.skip("statement");
  return s;
}

known_statement known_of(const statement& s) { return {s.number, fnv1a(s.signature)}; }

std::string signed_bytes(const statement& s, const library_id& library) {
  std::string out = s.owner_digest.empty() ? "shoal statement 1" : "shoal statement 2";
  writer w(out);
  w.bin(library.view());
  w.bin(s.member.view());
  w.uint(s.number);
  w.uint(s.membership);
  encode(w, s.held);
  if (!s.owner_digest.empty())
    w.bin(s.owner_digest);
  return out;
}

} // namespace shoal
