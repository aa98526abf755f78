// The export: whole, in order, in pieces.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <zlib.h>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_export)

static const std::string base = "/v1/libraries/photos";

static void fill(const served& s, int count, size_t text) {
  for (int done = 0; done < count;) {
    json ops = json::array();
    for (int i = 0; i < 1000 && done < count; ++i, ++done)
      ops.push_back({{"model", done % 2 ? "tag" : "collection"},
                     {"id", "new"},
                     {"fields",
                      {{done % 2 ? "canonical_name" : "name", "n" + std::to_string(done)},
                       {"description", std::string(text, 'd')}}}});
    auto r = s.post(base + "/batch", {{"ops", ops}});
    BOOST_REQUIRE_MESSAGE(r->status == 200, r->body.substr(0, 300));
  }
}

static std::vector<json> lines(const std::string& text) {
  std::vector<json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    out.push_back(json::parse(line));
  return out;
}

static std::string inflate_gzip(const std::string& packed) {
  z_stream z{};
  BOOST_REQUIRE(inflateInit2(&z, 15 + 16) == Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int code = Z_OK;
  while (code == Z_OK) {
    char room[65536];
    z.next_out = reinterpret_cast<Bytef*>(room);
    z.avail_out = sizeof room;
    code = inflate(&z, Z_NO_FLUSH);
    out.append(room, sizeof room - z.avail_out);
  }
  inflateEnd(&z);
  BOOST_TEST(code == Z_STREAM_END);
  return out;
}

BOOST_AUTO_TEST_CASE(an_export_is_every_live_record_by_model_and_id) {
  served s;
  fill(s, 3000, 100);
  auto first = lines(s.get(base + "/export")->body).front();
  BOOST_TEST(s.del(base + "/records/collection/" + first["id"].get<std::string>())->status == 200);

  auto r = s.get(base + "/export");
  BOOST_REQUIRE(r->status == 200);
  BOOST_TEST(r->get_header_value("Content-Type") == "application/x-ndjson");
  BOOST_TEST(r->get_header_value("Transfer-Encoding") == "chunked");
  auto all = lines(r->body);
  BOOST_TEST(all.size() == 2999);
  auto key = [](const json& j) {
    return j["model"].get<std::string>() + "/" + j["id"].get<std::string>();
  };
  for (size_t i = 1; i < all.size(); ++i)
    BOOST_REQUIRE(key(all[i - 1]) < key(all[i]));
  // A line is the record as GET shows it, byte for byte.
  auto one = s.get(base + "/records/" + key(all[2000]));
  BOOST_TEST(r->body.find(one->body + "\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_export_of_nothing_is_empty) {
  served s;
  auto r = s.get(base + "/export");
  BOOST_TEST(r->status == 200);
  BOOST_TEST(r->body.empty());
}

BOOST_AUTO_TEST_CASE(an_export_is_compressed_for_those_who_take_it) {
  served s;
  fill(s, 2000, 200);
  auto plain = s.get(base + "/export")->body;
  raw_client c(s.server->port());
  c.say("GET " + base + "/export HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer " + token
        + "\r\nAccept-Encoding: gzip\r\n\r\n");
  auto head = c.read_until("\r\n\r\n");
  BOOST_TEST(head.find("Content-Encoding: gzip") != std::string::npos);
  // To HTTP/1.0 the body goes without chunks and ends with the connection.
  BOOST_TEST(head.find("chunked") == std::string::npos);
  auto packed = c.read_all();
  BOOST_TEST(packed.size() < plain.size() / 2);
  BOOST_TEST((inflate_gzip(packed) == plain));
}

BOOST_AUTO_TEST_CASE(a_reader_that_stops_taking_an_export_is_cut_and_others_go_on) {
  api::bounds limits;
  limits.stalled_write = std::chrono::milliseconds(300);
  served s(limits);
  fill(s, 16'000, 2000);
  raw_client c(s.server->port());
  c.say(request_text("GET", base + "/export"));
  c.read_until("\r\n\r\n");
  // Nothing more is read; meanwhile the server works on.
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(s.put(base + "/records/tag/new", {{"canonical_name", "x"}})->status == 200);
  // Writing to it fails once the server has closed; that is not waited for by reading.
  auto started = std::chrono::steady_clock::now();
  auto is_cut = [&] {
    auto open = s.get("/v1/status");
    return std::chrono::steady_clock::now() - started > std::chrono::milliseconds(1500)
           && open->status == 200;
  };
  while (!is_cut()) {
  }
  auto rest = c.read_all();
  BOOST_TEST(rest.find("0\r\n\r\n", rest.size() < 5 ? 0 : rest.size() - 5) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
