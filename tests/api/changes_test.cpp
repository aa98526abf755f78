// The change feed over HTTP: bursts, tokens, following, both forms, and what is refused.
#include "tests/api/fixture.hpp"

#include "store/sync/changes.hpp"

#include <boost/test/unit_test.hpp>

#include <zlib.h>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_changes)

static const std::string base = "/v1/libraries/photos";

static std::vector<json> lines(const std::string& text) {
  std::vector<json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    out.push_back(json::parse(line));
  return out;
}

static std::string put_tag(const served& s, const std::string& name) {
  auto r = s.put(base + "/records/tag/new", {{"canonical_name", name}});
  BOOST_REQUIRE_MESSAGE(r->status == 200, r->body);
  return body_of(r)["token"];
}

static void fill(const served& s, int count, size_t text = 10) {
  for (int done = 0; done < count;) {
    json ops = json::array();
    for (int i = 0; i < 1000 && done < count; ++i, ++done)
      ops.push_back({{"model", "tag"},
                     {"id", "new"},
                     {"fields",
                      {{"canonical_name", "n" + std::to_string(done)},
                       {"description", std::string(text, 'd')}}}});
    auto r = s.post(base + "/batch", {{"ops", ops}});
    BOOST_REQUIRE_MESSAGE(r->status == 200, r->body.substr(0, 300));
  }
}

/// A follower on a socket of its own.
struct follower {
  raw_client socket;
  std::string head;
  explicit follower(const served& s, const std::string& query = "?follow=1",
                    const std::string& headers = {})
      : socket(s.server->port()) {
    socket.say(request_text("GET", base + "/changes" + query, {}, headers));
    head = socket.read_until("\r\n\r\n");
  }
  /// The next chunk's data; empty when the answer ended.
  std::string chunk() {
    const auto size = socket.read_until("\r\n");
    if (size.empty())
      return "cut";
    const auto n = std::stoul(size, nullptr, 16);
    auto data = socket.read_bytes(n + 2);
    data.resize(n);
    return data;
  }
  /// Lines up to the next token, which is the last of them.
  std::vector<json> burst() {
    std::vector<json> all;
    do {
      const auto data = chunk();
      BOOST_REQUIRE_MESSAGE(!data.empty() && data != "cut", "the feed ended");
      for (auto& l : lines(data))
        all.push_back(std::move(l));
    } while (!all.back().contains("token"));
    return all;
  }
};

BOOST_AUTO_TEST_CASE(without_since_everything_is_told_and_a_token_ends_it) {
  served s;
  put_tag(s, "one");
  auto gone = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "two"}}));
  BOOST_TEST(s.del(base + "/records/tag/" + gone["id"].get<std::string>())->status == 200);
  auto r = s.get(base + "/changes");
  BOOST_REQUIRE(r->status == 200);
  BOOST_TEST(r->get_header_value("Content-Type") == "application/x-ndjson");
  auto all = lines(r->body);
  BOOST_TEST(all.back().size() == 1);
  BOOST_TEST(all.back()["token"].is_string());
  size_t puts = 0;
  for (const auto& l : all)
    puts += l.value("op", "") == "put";
  BOOST_TEST(puts == 1);
  // A line is the record as GET shows it, with its op.
  for (auto l : all)
    if (l.value("op", "") == "put") {
      l.erase("op");
      BOOST_TEST((body_of(s.get(base + "/records/tag/" + l["id"].get<std::string>())) == l));
    }
}

BOOST_AUTO_TEST_CASE(since_a_writes_token_only_what_came_after_it_is_told) {
  served s;
  put_tag(s, "one");
  auto two = put_tag(s, "two");
  auto nothing = lines(s.get(base + "/changes?since=" + two)->body);
  BOOST_REQUIRE(nothing.size() == 1);
  BOOST_TEST(nothing[0].contains("token"));
  auto three = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "three"}}));
  auto all = lines(s.get(base + "/changes?since=" + two)->body);
  BOOST_REQUIRE(all.size() == 2);
  BOOST_TEST(all[0]["op"] == "put");
  BOOST_TEST(all[0]["id"] == three["id"]);
  BOOST_TEST(s.del(base + "/records/tag/" + three["id"].get<std::string>())->status == 200);
  all = lines(s.get(base + "/changes?since=" + all[1]["token"].get<std::string>())->body);
  BOOST_REQUIRE(all.size() == 2);
  BOOST_TEST(all[0]["op"] == "delete");
  BOOST_TEST(all[0]["deleted"] == true);
  BOOST_TEST(all[0]["id"] == three["id"]);
}

BOOST_AUTO_TEST_CASE(a_token_comes_at_least_every_thousand_lines_and_each_of_them_resumes) {
  served s;
  fill(s, 3500);
  auto all = lines(s.get(base + "/changes")->body);
  std::set<std::string> ids;
  size_t since = 0;
  std::string middle;
  std::set<std::string> before_middle;
  for (const auto& l : all) {
    if (l.contains("token")) {
      since = 0;
      if (middle.empty()) {
        middle = l["token"];
        before_middle = ids;
      }
      continue;
    }
    BOOST_REQUIRE(++since <= 1000);
    ids.insert(l["id"].get<std::string>());
  }
  BOOST_TEST(ids.size() == 3500);
  BOOST_TEST(before_middle.size() < 3500);
  for (const auto& l : lines(s.get(base + "/changes?since=" + middle)->body))
    if (l.contains("id"))
      before_middle.insert(l["id"].get<std::string>());
  BOOST_TEST((before_middle == ids));
}

BOOST_AUTO_TEST_CASE(a_follower_is_told_what_is_written_until_the_node_stops) {
  served s;
  put_tag(s, "one");
  follower f(s);
  BOOST_TEST(f.head.find("200 OK") != std::string::npos);
  BOOST_TEST(f.burst().size() == 2);
  for (int n = 0; n < 5; ++n) {
    put_tag(s, "n" + std::to_string(n));
    auto all = f.burst();
    BOOST_REQUIRE(all.size() == 2);
    BOOST_TEST(all[0]["fields"]["canonical_name"] == "n" + std::to_string(n));
  }
  s.server->stop();
  // The answer ends as it should, with a last token.
  auto last = lines(f.chunk());
  BOOST_TEST(last.back().contains("token"));
  BOOST_TEST(f.chunk().empty());
}

BOOST_AUTO_TEST_CASE(only_the_model_that_was_asked_for_is_told_and_the_token_moves_all_the_same) {
  served s;
  put_tag(s, "one");
  auto r = s.put(base + "/records/collection/new", {{"name", "c"}});
  BOOST_REQUIRE(r->status == 200);
  auto all = lines(s.get(base + "/changes?model=collection")->body);
  BOOST_REQUIRE(all.size() == 2);
  BOOST_TEST(all[0]["model"] == "collection");
  follower f(s, "?follow=1&model=collection&since=" + all[1]["token"].get<std::string>());
  put_tag(s, "two");
  std::string moved;
  while (moved.empty() || moved == all[1]["token"])
    moved = f.burst().back()["token"];
  BOOST_TEST(lines(s.get(base + "/changes?since=" + moved)->body).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_burst_that_goes_on_in_newer_views_leaves_nothing_out) {
  api::bounds limits;
  limits.feed_view = std::chrono::milliseconds(0);
  served s(limits);
  // A long stream that is told after this device's own.
  range theirs;
  theirs.stream = {device(9), 5};
  const auto more_of_theirs = [&](uint32_t count) {
    theirs.from = theirs.to;
    theirs.ops.clear();
    for (theirs.count = 0; theirs.count < count; ++theirs.count) {
      op o;
      o.seq = ++theirs.to;
      o.model = "tag";
      o.id.bytes.fill(9);
      o.id.bytes[0] = static_cast<uint8_t>(o.seq >> 8);
      o.id.bytes[1] = static_cast<uint8_t>(o.seq);
      o.stamp = {1'700'000'000'000 + o.seq, 0, device(9)};
      field_op name;
      name.name = "canonical_name";
      writer(name.value).str(std::string(5000, 't'));
      o.fields = {name};
      theirs.ops += encode_op(o);
    }
    s.photos->receive(theirs);
  };
  for (int n = 0; n < 15; ++n)
    more_of_theirs(100);
  follower f(s);
  std::set<std::string> told;
  const auto take = [&] {
    for (const auto& l : lines(f.chunk()))
      if (l.contains("id"))
        told.insert(l["id"].get<std::string>());
  };
  // Between the pieces, something new in a stream that was told and in the one being told.
  for (int n = 0; n < 20; ++n) {
    take();
    put_tag(s, "ours");
    more_of_theirs(1);
  }
  const auto exported = lines(s.get(base + "/export")->body);
  BOOST_TEST(exported.size() == 1540);
  const auto last = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "the last"}}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!told.contains(last["id"].get<std::string>())
         && std::chrono::steady_clock::now() < deadline)
    take();
  for (const auto& r : exported)
    BOOST_REQUIRE(told.contains(r["id"].get<std::string>()));
}

BOOST_AUTO_TEST_CASE(events_carry_the_token_as_their_id_and_last_event_id_resumes) {
  served s;
  put_tag(s, "one");
  follower f(s, "?follow=1", "Accept: text/event-stream\r\n");
  BOOST_TEST(f.head.find("Content-Type: text/event-stream") != std::string::npos);
  std::string text;
  while (text.find("\nid: ") == std::string::npos)
    text += f.chunk();
  BOOST_TEST(text.starts_with("data: {\"op\":\"put\","));
  BOOST_TEST(text.ends_with("\n\n"));
  auto id = text.substr(text.find("\nid: ") + 5);
  id.resize(id.find('\n'));
  auto two = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "two"}}));
  // The header goes before the address, which a browser repeats as it was.
  follower again(s, "?since=nonsense",
                 "Accept: text/event-stream\r\nLast-Event-ID: " + id + "\r\n");
  auto all = again.chunk();
  BOOST_TEST(all.find(two["id"].get<std::string>()) != std::string::npos);
  BOOST_TEST(all.find("\"one\"") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_compressed_feed_reaches_the_client_burst_by_burst) {
  served s;
  follower f(s, "?follow=1", "Accept-Encoding: gzip\r\n");
  BOOST_TEST(f.head.find("Content-Encoding: gzip") != std::string::npos);
  z_stream z{};
  BOOST_REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
  const auto next = [&] {
    auto packed = f.chunk();
    z.next_in = reinterpret_cast<Bytef*>(packed.data());
    z.avail_in = static_cast<uInt>(packed.size());
    std::string out(100'000, '\0');
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&z, Z_SYNC_FLUSH);
    BOOST_TEST((code == Z_OK || code == Z_STREAM_END));
    out.resize(out.size() - z.avail_out);
    return out;
  };
  BOOST_TEST(lines(next()).size() == 1);
  for (int n = 0; n < 3; ++n) {
    put_tag(s, "n" + std::to_string(n));
    std::string got;
    while (got.find("token") == std::string::npos)
      got += next();
    BOOST_TEST(got.find("n" + std::to_string(n)) != std::string::npos);
  }
  inflateEnd(&z);
}

BOOST_AUTO_TEST_CASE(followers_are_bounded_and_a_place_is_free_again_when_one_goes) {
  api::bounds limits;
  limits.followers = 2;
  served s(limits);
  auto one = std::make_unique<follower>(s);
  follower two(s);
  BOOST_TEST(two.head.find("200 OK") != std::string::npos);
  auto refused = s.get(base + "/changes?follow=1");
  BOOST_TEST(refused->status == 429);
  BOOST_TEST(code_of(refused) == "too_many");
  // Who does not stay takes no place.
  BOOST_TEST(s.get(base + "/changes")->status == 200);
  BOOST_TEST(one->burst().size() == 1);
  one.reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool taken = false;
  while (!taken && std::chrono::steady_clock::now() < deadline) {
    follower three(s);
    taken = three.head.find("200 OK") != std::string::npos;
  }
  BOOST_TEST(taken);
}

BOOST_AUTO_TEST_CASE(a_token_of_more_than_the_node_holds_waits_for_it) {
  served s;
  put_tag(s, "one");
  op later;
  later.seq = 1;
  later.model = "tag";
  later.id.bytes.fill(5);
  later.stamp = {1'700'000'000'000, 0, device(9)};
  field_op name;
  name.name = "canonical_name";
  writer(name.value).str("theirs");
  later.fields = {name};
  range r;
  r.stream = {device(9), 5};
  r.to = 1;
  r.ops = encode_op(later);
  r.count = 1;
  auto ahead = s.photos->now();
  ahead[r.stream] = 1;
  raw_client asks(s.server->port());
  asks.say(request_text("GET", base + "/changes?since=" + to_token(fold(ahead, {}))));
  // Whatever is written here meanwhile, it does not begin before it holds all of the token.
  for (int n = 0; n < 20; ++n)
    put_tag(s, "n");
  s.photos->receive(r);
  auto head = asks.read_until("\r\n\r\n");
  BOOST_TEST(head.find("200 OK") != std::string::npos);
  auto body = asks.read_until("0\r\n\r\n");
  BOOST_TEST(body.find("theirs") == std::string::npos);
  size_t told = 0;
  for (size_t at = 0; (at = body.find("\"op\":\"put\"", at)) != std::string::npos; ++at)
    ++told;
  BOOST_TEST(told == 20);
}

BOOST_AUTO_TEST_CASE(a_token_older_than_forgotten_deletes_or_a_repair_is_gone) {
  served s;
  auto old = put_tag(s, "one");
  auto two = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "two"}}));
  follower f(s, "?follow=1&since=" + old);
  BOOST_TEST(f.burst().size() == 2);
  BOOST_TEST(s.del(base + "/records/tag/" + two["id"].get<std::string>())->status == 200);
  BOOST_TEST(f.burst().size() == 2);
  s.photos->change([&](replica& data, kv_transaction& txn) {
    BOOST_REQUIRE(data.prune_marks(txn, data.held(), UINT64_MAX, 100).ok());
  });
  auto refused = s.get(base + "/changes?since=" + old);
  BOOST_TEST(refused->status == 410);
  BOOST_TEST(code_of(refused) == "token_expired");
  // Who had been told goes on.
  put_tag(s, "three");
  BOOST_TEST(f.burst().size() == 2);
  s.photos->change([&](replica& data, kv_transaction& txn) { put_rewritten(txn, 1, data.held()); });
  auto told = lines(f.chunk());
  BOOST_TEST(told.back()["error"]["code"] == "token_expired");
  BOOST_TEST(f.chunk().empty());
  BOOST_TEST(s.get(base + "/changes")->status == 200);
}

BOOST_AUTO_TEST_CASE(what_is_no_token_or_no_parameter_is_refused) {
  served s;
  BOOST_TEST(s.get(base + "/changes?since=nonsense")->status == 400);
  BOOST_TEST(s.get(base + "/changes?from=1")->status == 400);
  BOOST_TEST(s.get(base + "/changes?follow=maybe")->status == 400);
  BOOST_TEST(code_of(s.get(base + "/changes?model=tagg")) == "unknown_model");
  BOOST_TEST(s.get("/v1/libraries/other/changes")->status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
