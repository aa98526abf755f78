#include "bytes.hpp"
#include "generator.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::tests;

namespace {

const auto library = id_of<library_id>(0x11);
const auto sender = id_of<device_id>(0x22);

std::string payload_of(const envelope& e) { return encode_frame(e)->substr(4); }

/// An envelope with keys and values as given, for what no encoder of ours would write.
struct raw_envelope {
  std::vector<std::pair<std::string, std::string>> items = {
      {"v", hex("01")},
      {"lib", hex("c410") + std::string(library.view())},
      {"from", hex("c410") + std::string(sender.view())},
      {"ts", hex("05")},
      {"k", hex("02")},
      {"b", hex("81") + hex("a6") + "reason" + hex("a3627965")},
  };
  std::string& at(std::string_view key) {
    for (auto& [k, v] : items)
      if (k == key)
        return v;
    return items.emplace_back(std::string(key), "").second;
  }
  std::string bytes() const {
    std::string out;
    writer w(out);
    w.map(items.size());
    for (const auto& [key, value] : items) {
      w.str(key);
      w.raw(value);
    }
    return out;
  }
  std::string fault() const { return fault_of(decode_envelope(bytes())); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(messages)

BOOST_AUTO_TEST_CASE(a_frame_is_a_big_endian_length_and_an_envelope) {
  const auto frame = encode_frame({library, sender, 5, goodbye{"bye"}});
  BOOST_TEST(to_hex(*frame)
             == "00000046"
                "86"
                "a17601"
                "a36c6962c41011111111111111111111111111111111"
                "a466726f6dc41022222222222222222222222222222222"
                "a2747305"
                "a16b02"
                "a16281a6726561736f6ea3627965");
  BOOST_TEST(raw_envelope{}.bytes() == frame->substr(4));
}

BOOST_AUTO_TEST_CASE(every_message_survives_its_wire_form) {
  generator g(test_seed());
  for (int i = 0; i < 200; ++i)
    for (auto kind : all_kinds) {
      const auto sent = g.make_envelope(kind);
      BOOST_REQUIRE(kind_of(sent.body) == kind);
      const auto payload = payload_of(sent);
      const auto got = decode_envelope(payload);
      BOOST_REQUIRE_MESSAGE(got.ok(), to_string(kind) << ": " << reason(got));
      BOOST_REQUIRE_MESSAGE(*got == sent, to_string(kind));
      BOOST_REQUIRE(payload_of(*got) == payload);
      const auto head = decode_head(payload);
      BOOST_REQUIRE(head.ok());
      BOOST_REQUIRE(head->library == sent.library);
      BOOST_REQUIRE(head->sender == sent.sender);
      BOOST_REQUIRE(head->timestamp_ms == sent.timestamp_ms);
      BOOST_REQUIRE(head->kind == static_cast<uint64_t>(kind));
      if (const auto* r = std::get_if<range_message>(&got->body)) {
        const auto ops = decode_ops(r->body);
        BOOST_REQUIRE_MESSAGE(ops.ok(), reason(ops));
        BOOST_REQUIRE(ops->size() == r->body.count);
      }
    }
}

BOOST_AUTO_TEST_CASE(every_message_cut_at_any_byte_is_refused) {
  generator g(test_seed());
  for (auto kind : all_kinds)
    for (int i = 0; i < 5; ++i) {
      const auto payload = payload_of(g.make_envelope(kind));
      for (size_t size = 0; size < payload.size(); ++size) {
        const auto fault = fault_of(decode_envelope(std::string_view(payload).substr(0, size)));
        BOOST_REQUIRE_MESSAGE(fault == "truncated", to_string(kind)
                                                        << " at " << size << ": " << fault);
      }
      BOOST_REQUIRE(fault_of(decode_envelope(payload + '\xc0')) == "trailing_bytes");
    }
}

BOOST_AUTO_TEST_CASE(a_message_with_bytes_changed_is_refused_or_read_as_what_it_says) {
  generator g(test_seed());
  for (int i = 0; i < 300; ++i)
    for (auto kind : all_kinds) {
      auto payload = payload_of(g.make_envelope(kind));
      for (auto n = g.upto(3) + 1; n > 0; --n)
        payload[g.upto(payload.size() - 1)] = static_cast<char>(g.upto(255));
      const auto got = decode_envelope(payload);
      if (!got)
        continue;
      const auto again = decode_envelope(payload_of(*got));
      BOOST_REQUIRE(again.ok());
      BOOST_REQUIRE(*again == *got);
    }
}

BOOST_AUTO_TEST_CASE(kinds_have_the_names_of_the_design) {
  for (auto kind : all_kinds)
    BOOST_TEST(to_string(kind) != "unknown");
  BOOST_TEST(to_string(message_kind::ack_shared_changes) == "AckSharedChanges");
  BOOST_TEST(to_string(message_kind::watermark_exchange_request) == "WatermarkExchangeRequest");
}

BOOST_AUTO_TEST_CASE(a_kind_that_is_not_known_is_told_apart_from_a_fault) {
  for (std::string_view digits : {"00", "08", "1a", "19", "7f", "ccff", "cd0101", "cd0102",
                                  "ce00010002", "cf0000000100000002", "cfffffffffffffffff"}) {
    raw_envelope e;
    e.at("k") = hex(digits);
    BOOST_TEST(e.fault() == "unknown_kind", digits);
    BOOST_TEST(fault_of(decode_head(e.bytes())) == "none", digits);
  }
}

BOOST_AUTO_TEST_CASE(another_major_version_is_refused_before_anything_else_is_read) {
  for (std::string_view digits : {"00", "02", "cfffffffffffffffff"}) {
    raw_envelope e;
    e.at("v") = hex(digits);
    BOOST_TEST(e.fault() == "unknown_version", digits);
    BOOST_TEST(fault_of(decode_head(e.bytes())) == "unknown_version", digits);
    e.at("lib") = hex("c0"); // version 2 may have changed what a library is
    BOOST_TEST(e.fault() == "unknown_version", digits);
  }
  raw_envelope e;
  e.at("v") = hex("a131");
  BOOST_TEST(e.fault() == "wrong_type");
}

BOOST_AUTO_TEST_CASE(unknown_keys_of_the_envelope_are_skipped) {
  raw_envelope e;
  for (const size_t at : {0U, 3U, 8U}) {
    const auto name = "x" + std::to_string(at);
    e.items.insert(e.items.begin() + static_cast<std::ptrdiff_t>(at),
                   {name, hex("82a17a93c0d40000cb0000000000000000a17900")});
  }
  const auto got = decode_envelope(e.bytes());
  BOOST_REQUIRE_MESSAGE(got.ok(), reason(got));
  BOOST_TEST((*got == envelope{library, sender, 5, goodbye{"bye"}}));
  e.at("x3") = hex("a1ff");
  BOOST_TEST(e.fault() == "bad_utf8");
}

BOOST_AUTO_TEST_CASE(unknown_keys_of_every_body_are_skipped) {
  generator g(test_seed());
  for (auto kind : all_kinds) {
    const auto sent = g.make_envelope(kind);
    auto payload = payload_of(sent);
    const auto body = payload.find(hex("a162"), payload.find(hex("a16b")) + 2) + 2;
    BOOST_REQUIRE(static_cast<uint8_t>(payload[body]) >= 0x80);
    BOOST_REQUIRE(static_cast<uint8_t>(payload[body]) < 0x8e);
    payload[body] = static_cast<char>(payload[body] + 2);
    payload.insert(body + 1, hex("a0 93c0d40000ff")); // the empty key comes before all others
    payload += hex("a27e7e 81c0cb3ff0000000000000");  // and "~~" behind them
    const auto got = decode_envelope(payload);
    BOOST_REQUIRE_MESSAGE(got.ok(), to_string(kind) << ": " << reason(got));
    BOOST_TEST((*got == sent), to_string(kind));
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_comes_twice_is_a_duplicate) {
  for (std::string_view key : {"v", "lib", "from", "ts", "k", "b"}) {
    raw_envelope e;
    e.items.emplace_back(key, e.at(key));
    BOOST_TEST(e.fault() == "duplicate_key", key);
  }
  raw_envelope e;
  e.at("b") = hex("82 a6726561736f6e a0 a6726561736f6e a0");
  BOOST_TEST(e.fault() == "duplicate_key");
  e.at("b") = hex("82 a178 c0 a6726561736f6e a0"); // "x" before "reason": out of order
  BOOST_TEST(e.fault() == "duplicate_key");
}

BOOST_AUTO_TEST_CASE(an_envelope_has_all_its_parts_and_the_body_last) {
  for (size_t missing = 0; missing < 6; ++missing) {
    raw_envelope e;
    e.items.erase(e.items.begin() + static_cast<std::ptrdiff_t>(missing));
    BOOST_TEST(e.fault() == "bad_value", missing);
    BOOST_TEST(fault_of(decode_head(e.bytes())) == "bad_value", missing);
  }
  raw_envelope e;
  std::swap(e.items[4], e.items[5]);
  BOOST_TEST(e.fault() == "bad_value");
}

BOOST_AUTO_TEST_CASE(values_of_another_type_are_refused) {
  for (std::string_view key : {"lib", "from", "ts", "k", "b"}) {
    raw_envelope e;
    e.at(key) = hex("c0");
    BOOST_TEST(e.fault() == "wrong_type", key);
  }
  for (std::string_view whole : {"c0", "90", "a0", "01", "c1"})
    BOOST_TEST(fault_of(decode_envelope(hex(whole))) == "wrong_type", whole);
}

BOOST_AUTO_TEST_CASE(count_bombs_in_envelope_and_body_are_refused) {
  BOOST_TEST(fault_of(decode_envelope(hex("dfffffffff"))) == "too_large");
  BOOST_TEST(fault_of(decode_envelope(hex("de0041") + std::string(200, '\xc0'))) == "too_large");
  raw_envelope e;
  e.at("b") = hex("dfffffffff");
  BOOST_TEST(e.fault() == "too_large");
  e.at("b") = hex("df00000040");
  BOOST_TEST(e.fault() == "truncated");
  e.at("k") = hex("01");
  for (std::string_view body :
       {"81a468656c64ddffffffff", "81a76d656d62657273ddffffffff", "81a46e616d65dbffffffff"}) {
    e.at("b") = hex(body);
    BOOST_TEST(e.fault() == "too_large", body);
  }
}

BOOST_AUTO_TEST_CASE(a_range_goes_forward_and_has_an_origin) {
  const auto fault = [](stream_id stream, uint64_t from, uint64_t to) {
    range r;
    r.stream = stream;
    r.from = from;
    r.to = to;
    return fault_of(decode_envelope(
        payload_of({library, sender, 1, range_message{message_kind::state_batch, r}})));
  };
  BOOST_TEST(fault({sender, 0}, 0, 1) == "none");
  BOOST_TEST(fault({sender, 0}, 1, 1) == "bad_value");
  BOOST_TEST(fault({sender, 0}, 2, 1) == "bad_value");
  BOOST_TEST(fault({{}, 0}, 0, 1) == "bad_value");
}

BOOST_AUTO_TEST_CASE(the_epochs_of_a_request_strictly_ascend) {
  raw_envelope e;
  e.at("k") = hex("0c");
  e.at("b") = hex("81 a466726f6d 92 920101 920201");
  BOOST_TEST(e.fault() == "none");
  e.at("b") = hex("81 a466726f6d 92 920201 920101");
  BOOST_TEST(e.fault() == "duplicate_key");
  e.at("b") = hex("81 a466726f6d 92 920101 920101");
  BOOST_TEST(e.fault() == "duplicate_key");
  e.at("b") = hex("81 a466726f6d 91 93010101");
  BOOST_TEST(e.fault() != "none");
}

BOOST_AUTO_TEST_CASE(a_signature_covers_the_library_and_all_that_a_statement_says) {
  const statement base{sender, 7, 9, {{{{sender, 1}, 5}}, {}}, "", "key", "signature"};
  const auto bytes = signed_bytes(base, library);
  BOOST_TEST(to_hex(bytes)
             == to_hex("shoal statement 1") + "c41011111111111111111111111111111111"
                    + "c41022222222222222222222222222222222" + "0709"
                    + "9193c410222222222222222222222222222222220105");
  auto other = base;
  other.signature = "other";
  other.public_key = "other";
  BOOST_TEST((signed_bytes(other, library) == bytes));
  BOOST_TEST((signed_bytes(base, id_of<library_id>(0x12)) != bytes));
  other = base, other.member = id_of<device_id>(0x23);
  BOOST_TEST((signed_bytes(other, library) != bytes));
  other = base, other.number = 8;
  BOOST_TEST((signed_bytes(other, library) != bytes));
  other = base, other.membership = 8;
  BOOST_TEST((signed_bytes(other, library) != bytes));
  other = base, other.held.open.begin()->second = 6;
  BOOST_TEST((signed_bytes(other, library) != bytes));
  other = base, other.owner_digest = std::string(16, 'd');
  const auto with_tip = signed_bytes(other, library);
  BOOST_TEST(with_tip != bytes);
  other.owner_digest.back() = 'e';
  BOOST_TEST(signed_bytes(other, library) != with_tip);
}

BOOST_AUTO_TEST_SUITE_END()
