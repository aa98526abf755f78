// A member that says allowed things without end: memory stays bounded, and the others are served.

#include "tests/attack/lab.hpp"

#include <functional>

namespace shoal::attack {

namespace {

constexpr auto flooding = 3s; // how long each flood lasts; what it may cost does not depend on it

struct flooded : attacked_lab {
  flooded() { BOOST_REQUIRE(meet(a())); }

  /// Says what `next` gives, as fast as it is taken; connects anew when it is cut off.
  void flood(const std::string& what, const std::function<message(size_t)>& next) {
    const auto until = monotonic::now() + flooding;
    size_t said = 0;
    size_t links = 1;
    size_t most = 0;
    while (monotonic::now() < until) {
      if (!intruder.say(next(said++)) || (said % 256 == 0 && !serves())) {
        BOOST_REQUIRE(meet(a()));
        ++links;
      }
      if (said % 1024 == 0)
        most = std::max(most, rss_mib(a()));
    }
    const auto counted = breaches(a());
    BOOST_TEST_MESSAGE(what << ": " << said << " messages over " << links << " links, " << counted
                            << " of them cut off for a breach, at most " << most << " MiB");
    check("a flood of " + what);
  }
  bool serves() { return intruder.after(5s) == reaction::answered; }
  stream_id of(const device_id& origin) const {
    const auto& held = intruder.seen().held;
    const auto it = held.lower_bound({origin, 0});
    return it == held.end() ? stream_id{origin, 1} : it->first;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(attack_floods)

BOOST_FIXTURE_TEST_CASE(requests_for_everything_again_and_again_cost_bounded_memory, flooded) {
  flood("requests", [&](size_t n) -> message {
    state_request all;
    all.origin = n % 2 == 0 ? a_id : b_id;
    switch (n % 5) {
    case 0: return all;
    case 1: return shared_change_request{of(a_id), 0, 1000};
    case 2: return compare_request{of(a_id), 0, 1000};
    case 3: return watermark_exchange{};
    default: return heartbeat{};
    }
  });
}

BOOST_FIXTURE_TEST_CASE(claims_and_statements_without_end_cost_bounded_memory, flooded) {
  flood("claims", [&](size_t n) -> message {
    if (n % 2 == 0)
      return intruder.word({{{intruder.device(), n + 1}, n}});
    link_ack m;
    for (uint64_t k = 0; k < 1000; ++k)
      m.held[{intruder.device(), n * 1000 + k + 1}] = k + 1;
    return m;
  });
}

BOOST_FIXTURE_TEST_CASE(streams_without_end_cost_bounded_memory, flooded) {
  flood("streams", [&](size_t n) -> message {
    range r;
    r.stream = {intruder.device(), (now_ms() << 20) + n};
    r.from = n % 2;
    r.to = r.from + 1;
    return range_message{message_kind::shared_change_batch, r};
  });
}

BOOST_FIXTURE_TEST_CASE(data_without_regard_to_credit_costs_bounded_memory, flooded) {
  uint64_t seq = intruder.held();
  flood("ranges", [&](size_t) -> message {
    op o = intruder.made(record_class::shared, "tag", 1);
    o.seq = ++seq;
    field_op f;
    f.name = "description";
    writer w(f.value);
    w.str(std::string(200'000, 'd'));
    o.fields.push_back(f);
    range r;
    r.stream = intruder.stream();
    r.from = seq - 1;
    r.to = seq;
    r.ops = encode_op(o);
    r.count = 1;
    return range_message{message_kind::shared_change, r};
  });
}

BOOST_FIXTURE_TEST_CASE(kinds_that_nobody_knows_and_members_without_end_are_borne, flooded) {
  const auto unknown = [&] {
    auto payload = intruder.encoded(heartbeat{});
    const auto at = payload.find("\xa1k") + 2;
    payload[at] = '\x7f';
    return payload;
  }();
  for (int n = 0; n < 20'000; ++n)
    if (!intruder.say_payload(unknown))
      break;
  BOOST_TEST(serves());
  flood("member sets", [&](size_t n) -> message {
    watermark_exchange m;
    m.is_response = true;
    for (uint32_t k = 0; k < 200; ++k) {
      device_id d = intruder.device();
      const auto number = static_cast<uint32_t>(n) * 200 + k;
      for (size_t b = 0; b < 4; ++b)
        d.bytes[8 + b] = static_cast<uint8_t>(number >> (8 * b));
      m.members[d].name = "a stranger";
    }
    return m;
  });
}

BOOST_FIXTURE_TEST_CASE(who_asks_and_never_reads_is_cut_off_within_bounds, flooded) {
  state_request all;
  all.origin = a_id;
  size_t most = 0;
  const auto until = monotonic::now() + flooding;
  // Nothing is read: credit comes without it, and the answers stay in the node until it has enough.
  while (monotonic::now() < until && intruder.say(all) && intruder.say(link_ack{{}, UINT64_MAX})
         && intruder.say(compare_request{of(a_id), 0, 1000}))
    most = std::max(most, rss_mib(a()));
  BOOST_TEST(most < 400U);
  check("never reading");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::attack
