// What a member does on purpose, deed by deed: in another's name, twice, out of turn, too much.

#include "tests/attack/lab.hpp"

namespace shoal::attack {

using nodes::eventually;
using nodes::lab_path;
using nodes::metric;
using nodes::record;

namespace {

field_op text_field(const std::string& name, const std::string& text) {
  field_op f;
  f.name = name;
  writer w(f.value);
  w.str(text);
  return f;
}
op tag(const rogue& r, uint64_t ahead, const std::string& name, uint64_t wall_ms = 0) {
  auto o = r.made(record_class::shared, "tag", ahead, wall_ms);
  o.fields.push_back(text_field("canonical_name", name));
  return o;
}
stream_id stream_of(const frontier& held, const device_id& origin) {
  for (const auto& [stream, seq] : held)
    if (stream.origin == origin)
      return stream;
  BOOST_REQUIRE_MESSAGE(false, "nothing of " << to_string(origin) << " is held");
  return {};
}
double number(nodes::node& n, const std::string& name) {
  return metric(n.client().get("/metrics").text, name).value_or(-1);
}

struct met : attacked_lab {
  met() { meet(); }
  void meet() { BOOST_REQUIRE(attacked_lab::meet(a())); }
  /// Says it in a fresh session; the link must end, and the rogue be named for it.
  void cuts_off(const std::string& payload, const std::string& reason) {
    meet();
    const auto before = breaches(a());
    (void)intruder.say_payload(payload);
    // The store may be asked first: then what was said behind it is answered.
    const bool cut = intruder.after() == reaction::cut_off || intruder.cut_off();
    BOOST_TEST(cut, "not cut off: " << reason);
    BOOST_TEST(eventually([&] { return breaches(a()) > before; }), "not counted: " << reason);
    check_named(a(), reason);
  }
  void cuts_off(const message& body, const std::string& reason) {
    meet();
    cuts_off(intruder.encoded(body), reason);
  }
  /// Says it in a fresh session, which goes on.
  void bears(const message& body) {
    meet();
    (void)intruder.say(body);
    BOOST_TEST(intruder.after() == reaction::answered);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(attack_deeds)

BOOST_FIXTURE_TEST_CASE(who_speaks_in_anothers_name_is_cut_off_and_named, met) {
  auto& r = intruder;
  const auto as = [&](const device_id& sender, const message& body) {
    return encode_frame({r.library(), sender, now_ms(), body})->substr(4);
  };
  cuts_off(as(b_id, heartbeat{}), "in the name of " + to_string(b_id));
  cuts_off(as(a_id, r.greeting()), "in the name of " + to_string(a_id));
  cuts_off(as(device_id{}, link_ack{}), "in the name of");
  auto forged = r.word(r.seen().held);
  forged.member = b_id;
  cuts_off(message(forged), "a statement of " + to_string(b_id) + " with a wrong signature");
  auto moved = r.word(r.seen().held);
  moved.held.open[r.stream()] += 1000; // signed before
  cuts_off(message(moved), "with a wrong signature");
  cuts_off(message(r.greeting()), "a second Hello in one session");
  check("words in others' names");
}

BOOST_FIXTURE_TEST_CASE(a_claim_of_ops_that_were_never_made_is_cut_off, met) {
  const auto own = stream_of(intruder.seen().held, a_id);
  const frontier lie{{own, seq_of(intruder.seen().held, own) + 1000}};
  cuts_off(message(link_ack{lie, 0}), "of this device's epoch");
  cuts_off(message(intruder.word(lie)), "of this device's epoch");
  watermark_exchange m;
  m.held = lie;
  cuts_off(message(m), "of this device's epoch");
  check("claims of ops that were never made");
  // Nor does it count as held.
  const auto waited =
      a().cli({"wait", "lab", "--peers", to_string(intruder.device()), "--timeout", "1"});
  BOOST_TEST(waited.code == 1);
}

BOOST_FIXTURE_TEST_CASE(others_device_owned_records_do_not_change, met) {
  const auto exported_before = exported(0);
  const auto volumes = a().client().get(lab_path("/records/volume?owner=" + a().device()));
  BOOST_REQUIRE(volumes.ok());
  const auto id = parse_id<record_id>(volumes.body["items"][0]["id"].get<std::string>()).value();
  for (const auto& origin : {a_id, b_id})
    for (const auto kind : {message_kind::state_change, message_kind::state_batch,
                            message_kind::state_response, message_kind::shared_change_response}) {
      meet();
      auto o = intruder.made(record_class::owned, "volume", 1);
      o.id = id;
      o.fields.push_back(text_field("fingerprint", "stolen"));
      const auto stream = stream_of(intruder.seen().held, origin);
      for (const bool repair : {false, true}) {
        range r;
        r.stream = stream;
        r.from = seq_of(intruder.seen().held, stream);
        r.to = r.from + 1;
        r.repair = repair;
        o.seq = r.to;
        o.stamp.device = origin;
        r.ops = encode_op(o);
        r.count = 1;
        (void)intruder.say(range_message{kind, r});
      }
      (void)intruder.after();
    }
  intruder.hang_up();
  BOOST_TEST(exported(0) == exported_before);
  // In its own name it may have a record of that id, which is another one.
  meet();
  auto o = intruder.made(record_class::owned, "volume", 1);
  o.id = id;
  o.fields.push_back(text_field("fingerprint", "its own"));
  (void)intruder.say(range_message{message_kind::state_change, intruder.range_of({o})});
  BOOST_TEST(intruder.after() == reaction::answered);
  BOOST_TEST(eventually([&] { return exported(0).find("its own") != std::string::npos; }));
  const auto theirs =
      a().client().get(lab_path("/records/volume?owner=" + a().device())).body["items"];
  for (const auto& one : theirs)
    BOOST_TEST(one["fields"]["fingerprint"] != "its own");
  check("device-owned records of others");
}

BOOST_FIXTURE_TEST_CASE(nothing_is_served_before_hello, met) {
  const auto own = stream_of(intruder.seen().held, a_id);
  BOOST_REQUIRE(intruder.connect(a().port()));
  state_request all;
  all.origin = a_id;
  for (const message& m :
       {message(all), message(shared_change_request{own, 0, 100}),
        message(compare_request{own, 0, 100}), message(watermark_exchange{}), message(heartbeat{})})
    (void)intruder.say(m);
  BOOST_TEST(!intruder.hear<range_message>(1s).has_value());
  check("requests before Hello");
}

BOOST_FIXTURE_TEST_CASE(stamps_from_the_future_wait_and_drag_no_clock, met) {
  uint64_t n = 0;
  for (const auto wall : {now_ms() + 3'600'000, uint64_t{1} << 53, uint64_t{1} << 63, UINT64_MAX}) {
    meet();
    auto o = tag(intruder, 1, "from the future", wall);
    o.stamp.counter = UINT32_MAX;
    (void)intruder.say(range_message{message_kind::shared_change, intruder.range_of({o})});
    BOOST_TEST(intruder.after() == reaction::answered);
    ++n;
    BOOST_TEST(eventually([&] { return number(a(), "shoal_deadletter_ops") >= double(n); }));
  }
  // As far ahead as is allowed, with a full counter: taken, and the clock goes on behind it.
  meet();
  auto o = tag(intruder, 1, "just allowed", now_ms() + 118'000);
  o.stamp.counter = UINT32_MAX;
  (void)intruder.say(range_message{message_kind::shared_change, intruder.range_of({o})});
  BOOST_TEST(intruder.after() == reaction::answered);
  // Device-owned rows are ordered by their owner alone.
  meet();
  auto owned = intruder.made(record_class::owned, "volume", 1, UINT64_MAX);
  owned.fields.push_back(text_field("fingerprint", "late"));
  (void)intruder.say(range_message{message_kind::state_change, intruder.range_of({owned})});
  BOOST_TEST(intruder.after() == reaction::answered);
  check("stamps from the future");
  BOOST_TEST(exported(0).find("from the future") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_member_with_a_wall_of_its_own_does_not_move_that_of_others, met) {
  // The other honest node is linked as well, so that two clocks are compared with.
  for (const auto wall : {uint64_t{1}, uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX}) {
    meet();
    heartbeat m;
    m.ping = 1;
    const auto beat = [&] {
      (void)intruder.say_payload(
          encode_frame({intruder.library(), intruder.device(), wall, m})->substr(4));
    };
    beat();
    const auto answer = intruder.hear<heartbeat>();
    BOOST_REQUIRE(answer.has_value());
    m.echo = answer->ping; // now the round trip is known, and with it the clock
    m.ping = 2;
    beat();
    BOOST_TEST(eventually([&] { return a().client().get("/healthz").ok(); }));
    const auto wrote = a().client().put(record("tag", "new"), {{"canonical_name", "meanwhile"}});
    BOOST_REQUIRE_MESSAGE(wrote.ok(), "with a wall of " << wall << ": " << wrote.text);
    const auto stamp = std::stoull(wrote.body["hlc"].get<std::string>().substr(0, 16), nullptr, 16);
    BOOST_TEST(stamp <= now_ms() + 121'000);
    BOOST_TEST(stamp + 60'000 >= now_ms());
  }
  check("a wrong wall");
}

BOOST_FIXTURE_TEST_CASE(a_seq_with_two_contents_does_not_divide_the_honest_nodes, met) {
  const auto one = tag(intruder, 1, "for a");
  auto other = one;
  other.fields[0] = text_field("canonical_name", "for b");
  auto mine = intruder.made(record_class::owned, "volume", 2);
  mine.fields.push_back(text_field("fingerprint", "for a"));
  auto yours = mine;
  yours.fields[0] = text_field("fingerprint", "for b");
  const auto first = intruder.range_of({one, mine});
  const auto second = intruder.range_of({other, yours});
  // At the same time, so that neither hears it from the other first.
  rogue twin((*this)[2].dir(), intruder.library());
  BOOST_REQUIRE(twin.meet(b().port()));
  (void)intruder.say(range_message{message_kind::state_batch, first});
  (void)twin.say(range_message{message_kind::state_batch, second});
  BOOST_TEST(intruder.after() == reaction::answered);
  BOOST_TEST(twin.after() == reaction::answered);
  twin.hang_up();
  // Said again with other content, it changes nothing.
  meet();
  (void)intruder.say(range_message{message_kind::state_batch, second});
  BOOST_TEST(intruder.after() == reaction::answered);
  check("one seq with two contents");
}

BOOST_FIXTURE_TEST_CASE(frames_that_were_recorded_change_nothing_when_they_come_again, met) {
  std::vector<std::string> recorded;
  for (int n = 0; n < 5; ++n) {
    meet();
    recorded.push_back(intruder.encoded(
        range_message{message_kind::shared_change, intruder.range_of({tag(intruder, 1, "once")})}));
    recorded.push_back(intruder.encoded(intruder.word(intruder.seen().held)));
    recorded.push_back(intruder.encoded(heartbeat{}));
    for (size_t k = recorded.size() - 3; k < recorded.size(); ++k)
      (void)intruder.say_payload(recorded[k]);
    BOOST_TEST(intruder.after() == reaction::answered);
  }
  check("five ops");
  const auto before = exported(0).size();
  for (int round = 0; round < 20; ++round) {
    meet();
    for (const auto& payload : recorded)
      (void)intruder.say_payload(payload);
    BOOST_TEST(intruder.after() == reaction::answered);
  }
  check("replays");
  BOOST_TEST(exported(0).size() > before); // by what `check` writes
  BOOST_TEST(nodes::by_id(exported(0)).size() == nodes::by_id(exported(1)).size());
}

BOOST_FIXTURE_TEST_CASE(gaps_are_asked_for_and_what_is_behind_them_does_not_count, met) {
  auto late = intruder.range_of({tag(intruder, 1, "behind a gap")});
  late.from += 5;
  late.to += 5;
  auto o = tag(intruder, 6, "behind a gap");
  late.ops = encode_op(o);
  (void)intruder.say(range_message{message_kind::shared_change, late});
  const auto asked = intruder.hear<state_request>();
  BOOST_REQUIRE(asked.has_value());
  meet();
  BOOST_TEST(intruder.held() < late.from);
  check("a gap");
}

BOOST_FIXTURE_TEST_CASE(what_is_too_large_or_no_frame_at_all_is_cut_off, met) {
  const auto cut = [&](const std::string& bytes) {
    meet();
    const auto before = breaches(a());
    (void)intruder.say_bytes(bytes);
    BOOST_TEST(intruder.cut_off());
    BOOST_TEST(eventually([&] { return breaches(a()) > before; }));
  };
  cut(std::string("\xff\xff\xff\xff", 4));
  cut(std::string("\x00\x20\x00\x01", 4)); // one byte more than a frame may have
  cut(std::string("\x00\x00\x00\x05hello", 9));
  cut(std::string(100'000, 'A'));
  auto big = tag(intruder, 1, std::string(1 << 20, 'x'));
  cuts_off(intruder.encoded(range_message{message_kind::shared_change, intruder.range_of({big})}),
           "an op of 10486");
  check("what is too large");
}

BOOST_FIXTURE_TEST_CASE(ops_of_a_range_that_the_store_refuses_are_counted, met) {
  const auto refused = [&] {
    return metric(a().client().get("/metrics").text, "shoal_ops_rejected_total",
                  {"library=\"lab\"", "reason=\"refused\""})
        .value_or(-1);
  };
  const auto before = refused();
  BOOST_TEST(before == 0);
  const auto beyond_its_end = intruder.range_of({tag(intruder, 1, "x"), tag(intruder, 3, "y")});
  cuts_off(range_message{message_kind::shared_change, beyond_its_end}, "refused");
  BOOST_TEST(refused() == before + 2);
  check("a range that was refused");
}

BOOST_FIXTURE_TEST_CASE(who_says_that_deletes_were_forgotten_makes_nobody_drop_or_wait, met) {
  frontier far_ahead = intruder.seen().held;
  far_ahead[intruder.stream()] += 100;
  (void)intruder.say(snapshot_required{far_ahead});
  // It is asked to go on, and then answers nothing: the others serve and are served meanwhile.
  BOOST_TEST(intruder.hear<state_request>().has_value());
  BOOST_TEST(!intruder.hear<compare_request>(500ms).has_value());
  const auto wrote = a().client().put(record("tag", "new"), {{"canonical_name", "meanwhile"}});
  BOOST_REQUIRE(wrote.ok());
  const auto waited = a().cli({"wait", "lab", "--peers", b().device(), "--timeout", "20"});
  BOOST_TEST(waited.code == 0, waited.err);
  BOOST_TEST(converge(30s, {0, 1}));
  check("a demand to compare");
}

BOOST_FIXTURE_TEST_CASE(an_until_that_nobody_can_reach_ends_with_its_member, met) {
  auto r = intruder.range_of({tag(intruder, 1, "waits for what does not exist")});
  r.until = {{intruder.stream(), UINT64_MAX}, {stream_of(intruder.seen().held, b_id), UINT64_MAX}};
  r.log_complete = false;
  (void)intruder.say(range_message{message_kind::state_response, r});
  BOOST_TEST(intruder.after() == reaction::answered);
  intruder.hang_up();
  // While the rogue may yet bring it, a's records may be incomplete.
  remove_rogue();
  check("an until out of reach");
}

BOOST_FIXTURE_TEST_CASE(a_member_that_comes_and_goes_does_not_fill_the_log, met) {
  const auto begun = monotonic::now();
  for (int n = 0; n < 200; ++n) {
    meet();
    (void)intruder.say_payload("no envelope");
    BOOST_TEST(intruder.cut_off());
  }
  const auto seconds = static_cast<size_t>(
      std::chrono::ceil<std::chrono::seconds>(monotonic::now() - begun).count());
  const auto log = a().log();
  size_t lines = 0;
  for (size_t at = 0; (at = log.find(to_string(intruder.device()), at)) != std::string::npos; ++at)
    ++lines;
  // The node and the library each say 20 at once, and then one a second; and there are alarms.
  BOOST_TEST(lines > 20U);
  BOOST_TEST(lines <= 2 * (20 + seconds + 2) + 10);
  BOOST_TEST(breaches(a()) >= 200);
  check("coming and going");
}

BOOST_FIXTURE_TEST_CASE(who_breaks_a_rule_is_refused_for_a_while_that_grows, met) {
  const auto line = [&] {
    const auto peers = a().client().get(lab_path("/peers"));
    for (const auto& p : peers.body["items"])
      if (p["device"] == to_string(intruder.device()))
        return json(p);
    return json::object();
  };
  const auto breaks = [&] {
    (void)intruder.say_payload("no envelope");
    BOOST_TEST(intruder.cut_off());
  };
  // The first rest ends by itself, whether or not this saw it.
  breaks();
  BOOST_TEST(eventually([&] { return intruder.meet(a().port()); }, 60s));
  // An operator's word ends others, which counts: the eighth would take 128 s.
  for (int n = 0; n < 7; ++n) {
    breaks();
    meet();
  }
  const auto before = now_ms();
  breaks();
  BOOST_TEST(eventually([&] { return line()["rests_until"].is_number(); }));
  const auto p = line();
  BOOST_TEST(p["rests_until"].get<uint64_t>() > before + 100'000);
  BOOST_TEST(p["rests_until"].get<uint64_t>() <= now_ms() + 300'000);
  BOOST_TEST(p["last_error"].get<std::string>().find("no envelope") != std::string::npos);
  BOOST_TEST(a().cli({"peers", "lab", "-o", "table"}).out.find("it broke a rule")
             != std::string::npos);
  for (int n = 0; n < 5; ++n)
    BOOST_TEST(!intruder.meet(a().port()));
  BOOST_TEST(line()["last_error"].get<std::string>().find("no envelope") != std::string::npos);
  // The other honest node has nothing against it, and those two have nothing against each other.
  BOOST_TEST(intruder.meet(b().port()));
  check("a rest");
  meet();
  BOOST_TEST(eventually([&] { return line()["rests_until"].is_null(); }));
}

BOOST_FIXTURE_TEST_CASE(who_repeats_what_another_may_have_made_up_is_cut_off_and_let_in_again,
                        met) {
  const auto own = stream_of(intruder.seen().held, a_id);
  for (int n = 0; n < 10; ++n) { // rests would add up to a quarter of an hour
    const frontier lie{{own, seq_of(intruder.seen().held, own) + 1000}};
    (void)intruder.say(link_ack{lie, 0});
    BOOST_TEST(intruder.cut_off());
    BOOST_REQUIRE(eventually([&] { return intruder.meet(a().port()); }, 60s));
  }
  BOOST_TEST(breaches(a()) >= 10);
  check("hearsay");
}

BOOST_FIXTURE_TEST_CASE(ops_from_the_future_are_held_up_to_a_bound_and_no_further, met) {
  constexpr uint64_t bound = 10'000;
  constexpr uint64_t at_once = 1'000;
  const auto wall = now_ms() + 3'600'000;
  const auto range_at = [&](uint64_t begin) {
    std::vector<op> ops;
    for (uint64_t n = 1; n <= at_once; ++n)
      ops.push_back(tag(intruder, begin + n, "from the future", wall));
    auto r = intruder.range_of(ops);
    r.from = intruder.held() + begin;
    r.to = r.from + at_once;
    return range_message{message_kind::shared_change_batch, r};
  };
  for (uint64_t begin = 0; begin < bound + 2 * at_once; begin += at_once)
    BOOST_REQUIRE(intruder.say(range_at(begin)));
  const auto status = [](nodes::node& n) {
    return n.client().get("/v1/status").body["libraries"][0];
  };
  BOOST_TEST(eventually(
      [&] { return status(a())["quarantine_full"] == json::array({to_string(intruder.device())}); },
      60s));
  BOOST_TEST(number(a(), "shoal_quarantine_full_members") == 1);
  BOOST_TEST(status(a())["alarms"].dump().find("no more of") != std::string::npos);
  BOOST_TEST(status(a())["state"] == "ready");
  // It may repeat them; nothing more is kept, and the link stays.
  const auto again = range_at(bound);
  for (int n = 0; n < 200; ++n)
    BOOST_REQUIRE(intruder.say(again));
  BOOST_TEST(intruder.after() == reaction::answered);
  BOOST_TEST(number(a(), "shoal_deadletter_ops") == double(bound));
  // The other honest node is sent what is held, and no more.
  BOOST_TEST(eventually([&] { return number(b(), "shoal_deadletter_ops") == double(bound); }, 60s));
  check("more ops from the future than are held");
  BOOST_TEST(number(a(), "shoal_deadletter_ops") == double(bound));
  BOOST_TEST(number(b(), "shoal_deadletter_ops") == double(bound));
}

BOOST_FIXTURE_TEST_CASE(other_libraries_are_unknown_to_whoever_asks, met) {
  hello m = intruder.greeting();
  library_id other = intruder.library();
  other.bytes[3] ^= 1;
  (void)intruder.say_payload(encode_frame({other, intruder.device(), now_ms(), m})->substr(4));
  (void)intruder.say_payload(
      encode_frame({other, intruder.device(), now_ms(), watermark_exchange{}})->substr(4));
  BOOST_TEST(intruder.after() == reaction::answered);
  check("another library");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::attack
