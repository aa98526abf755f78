// What one node does to a record, the others do as well: step by step, in both directions.

#include "tests/nodes/batches.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <set>

namespace shoal::nodes {

namespace {

struct pair_of_nodes : cluster {
  pair_of_nodes() : cluster(2, quick()) {
    start();
    for (size_t n = 0; n < 2; ++n)
      at.push_back((*this)[n].client());
  }
  static options quick() {
    options how;
    how.sync = "heartbeat_seconds = 1\n";
    return how;
  }
  /// Writes on one node; returns once the other holds it durably.
  std::string followed(size_t from, const answer& wrote) {
    BOOST_REQUIRE_MESSAGE(wrote.ok(), wrote.text);
    const auto held =
        at[from].get(lab_path("/wait?timeout=30&for=" + std::string(wrote.body["token"])));
    BOOST_REQUIRE_MESSAGE(held.ok(), held.text);
    return wrote.body.value("id", "");
  }
  std::string put(size_t from, const std::string& model, const std::string& id,
                  const json& fields) {
    return followed(from, at[from].put(record(model, id), fields));
  }
  std::vector<api> at;
};

std::set<std::string> ids(api& at, const std::string& model) {
  std::set<std::string> out;
  const auto got = at.get(lab_path("/records/" + model));
  BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
  for (const auto& r : got.body["items"])
    out.insert(r["id"]);
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(following)

BOOST_FIXTURE_TEST_CASE(each_insert_update_and_delete_is_on_the_other_node_when_wait_says_so,
                        pair_of_nodes) {
  for (size_t from = 0; from < 2; ++from)
    for (const std::string model : {"tag", "collection", "volume", "location", "entry"}) {
      BOOST_TEST_CONTEXT(model << " written on " << from) {
        auto& there = at[1 - from];
        const json made = model == "tag"        ? json{{"canonical_name", "x"}, {"color", "red"}}
                          : model == "volume"   ? json{{"fingerprint", "x"}, {"display_name", "d"}}
                          : model == "location" ? json{{"name", "x"}, {"path", "/x"}}
                          : model == "entry"    ? json{{"name", "x"}, {"kind", "file"}}
                                                : json{{"name", "x"}, {"description", "d"}};
        const auto id = put(from, model, "new", made);
        BOOST_TEST(there.get(record(model, id)).body["fields"] == made);
        // One field; the others stay.
        const auto field = model == "tag"        ? "color"
                           : model == "volume"   ? "display_name"
                           : model == "location" ? "path"
                           : model == "entry"    ? "extension"
                                                 : "description";
        put(from, model, id, {{field, "changed"}});
        auto expected = made;
        expected[field] = "changed";
        BOOST_TEST(there.get(record(model, id)).body["fields"] == expected);
        followed(from, at[from].remove(record(model, id)));
        BOOST_TEST(there.get(record(model, id)).status == 404);
        const auto mark = there.get(record(model, id) + "?deleted=true");
        BOOST_TEST(mark.status == 200);
        BOOST_TEST(mark.body["deleted"] == true);
        // The same name again is another record; the same id lives again with what is given now.
        const auto again = put(from, model, "new", made);
        BOOST_TEST(again != id);
        put(from, model, id, made);
        BOOST_TEST(there.get(record(model, id)).body["fields"] == made);
        BOOST_TEST(ids(there, model) == ids(at[from], model), boost::test_tools::per_element());
      }
    }
  BOOST_REQUIRE(converge());
  check_exports();
}

BOOST_FIXTURE_TEST_CASE(links_between_records_arrive_also_before_what_they_link, pair_of_nodes) {
  const auto entry = put(0, "entry", "new", {{"name", "photo"}, {"kind", "file"}});
  // Every record that refers to others goes first.
  const auto album = numbered_id(1, 1);
  const auto parent = numbered_id(2, 1);
  const auto child = numbered_id(2, 2);
  const auto place =
      put(1, "collection_entry", "new", {{"collection_id", album}, {"entry_id", entry}});
  const auto relation =
      put(0, "tag_relationship", "new", {{"parent_tag_id", parent}, {"child_tag_id", child}});
  // The other device's entry has metadata by this one: it is on both, whoever owns the entry.
  const auto about = put(1, "user_metadata", "new", {{"entry_id", entry}, {"favorite", true}});
  const auto content = put(0, "user_metadata", "new", {{"content_hash", "abc"}, {"notes", "n"}});
  const auto tagged = put(1, "user_metadata_tag", "new",
                          {{"user_metadata_id", about}, {"tag_id", child}, {"confidence", 0.5}});
  const auto tagged_content =
      put(0, "user_metadata_tag", "new", {{"user_metadata_id", content}, {"tag_id", parent}});
  put(0, "tag", parent, {{"canonical_name", "parent"}});
  put(1, "tag", child, {{"canonical_name", "child"}});
  put(1, "collection", album, {{"name", "album"}});

  for (size_t n = 0; n < 2; ++n) {
    const auto field = [&](const std::string& model, const std::string& id, const char* name) {
      return at[n].get(record(model, id)).body["fields"][name];
    };
    BOOST_TEST(field("collection_entry", place, "collection_id") == album);
    BOOST_TEST(field("collection_entry", place, "entry_id") == entry);
    BOOST_TEST(field("tag_relationship", relation, "parent_tag_id") == parent);
    BOOST_TEST(field("tag_relationship", relation, "child_tag_id") == child);
    BOOST_TEST(field("user_metadata", about, "favorite") == true);
    BOOST_TEST(field("user_metadata", content, "notes") == "n");
    BOOST_TEST(field("user_metadata_tag", tagged, "user_metadata_id") == about);
    BOOST_TEST(field("user_metadata_tag", tagged, "confidence") == 0.5);
    BOOST_TEST(field("user_metadata_tag", tagged_content, "tag_id") == parent);
  }
  // The pair is the record: whoever makes it again, and after a delete, meets the same one.
  BOOST_TEST(put(0, "collection_entry", "new", {{"collection_id", album}, {"entry_id", entry}})
             == place);
  followed(0, at[0].remove(record("collection_entry", place)));
  BOOST_TEST(at[1].get(record("collection_entry", place)).status == 404);
  BOOST_TEST(put(1, "collection_entry", "new", {{"collection_id", album}, {"entry_id", entry}})
             == place);
  BOOST_TEST(at[0].get(record("collection_entry", place)).ok());
  BOOST_REQUIRE(converge());
  check_exports();
}

BOOST_AUTO_TEST_CASE(two_that_wrote_before_they_ever_met_have_both_of_everything) {
  cluster lab(2);
  std::vector<std::string> volumes;
  for (size_t n = 0; n < 2; ++n) {
    lab[n].start();
    auto at = lab[n].client();
    const auto volume = at.put(record("volume", "new"), {{"fingerprint", std::to_string(n)},
                                                         {"display_name", "Macintosh HD"}});
    BOOST_REQUIRE_MESSAGE(volume.ok(), volume.text);
    volumes.push_back(volume.body["id"]);
    for (uint64_t i = 0; i < 30; ++i) {
      BOOST_TEST(at.put(record("tag", numbered_id(1 + n, i)), {{"canonical_name", "x"}}).ok());
      BOOST_TEST(at.put(record("user_metadata", "new"),
                        {{"content_hash", std::to_string(i)},
                         {n == 0 ? "notes" : "hidden", n == 0 ? json("n") : json(true)}})
                     .ok());
    }
    BOOST_TEST(lab[n].stop().value_or(-1) == 0);
  }
  lab.start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 2; ++n) {
    auto at = lab[n].client();
    BOOST_TEST(ids(at, "volume") == (std::set<std::string>{volumes[0], volumes[1]}),
               boost::test_tools::per_element());
    BOOST_TEST(ids(at, "tag").size() == 60U);
    BOOST_TEST(ids(at, "user_metadata").size() == 30U); // the same contents, described by both
    const auto described = at.get(lab_path("/records/user_metadata"));
    for (const auto& r : described.body["items"]) {
      BOOST_TEST(r["fields"]["notes"] == "n");
      BOOST_TEST(r["fields"]["hidden"] == true);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_written_while_a_library_did_not_sync_goes_out_when_it_does) {
  cluster lab(2);
  const auto as_made = read_file(lab[0].config());
  auto alone = as_made;
  const std::string name = "name = \"lab\"\n";
  alone.replace(alone.find(name), name.size(), name + "sync = false\n");
  write_file(lab[0].config(), alone);
  lab.start();
  auto at_a = lab[0].client();
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "early"}}).ok());
  BOOST_TEST(log_entries(lab[0]) == 3);
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  write_file(lab[0].config(), as_made);
  BOOST_TEST(lab[1].client().get(lab_path("/records/tag")).body["items"].empty());
  lab[0].start();
  at_a = lab[0].client();
  for (size_t n = 3; n < 5; ++n)
    BOOST_TEST(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "late"}}).ok());
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(lab[1].client().get(lab_path("/records/tag")).body["items"].size() == 5U);
}

BOOST_FIXTURE_TEST_CASE(a_peer_is_shown_as_connected_while_it_answers, pair_of_nodes) {
  const auto shown = [&](bool connected) {
    const auto peers = at[0].get(lab_path("/peers")).body["items"];
    const auto gauge =
        metric(at[0].get("/metrics").text, "shoal_peer_connected", {(*this)[1].device()});
    return peers[0]["connected"] == connected && gauge == (connected ? 1 : 0);
  };
  BOOST_TEST(eventually([&] { return shown(true); }));
  (*this)[1].signal(SIGSTOP); // half open: the connection stands and nobody answers
  BOOST_TEST(eventually([&] { return shown(false); }), "three beats were missed and nobody saw it");
  (*this)[1].signal(SIGCONT);
  BOOST_TEST(eventually([&] { return shown(true); }));
  (*this)[1].kill9();
  BOOST_TEST(eventually([&] { return shown(false); }));
  (*this)[1].start();
  BOOST_TEST(eventually([&] { return shown(true); }));
  BOOST_REQUIRE(converge());
}

BOOST_AUTO_TEST_CASE(writes_to_one_record_within_a_window_travel_as_one) {
  cluster::options how;
  how.sync = "batch_window_ms = 2000\n";
  cluster lab(2, how);
  lab.start();
  auto at = lab[0].client();
  const auto id = numbered_id(2, 1);
  BOOST_REQUIRE(at.put(record("entry", id), {{"name", "a"}, {"kind", "file"}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto received = [&] {
    return metric(lab[1].client().get("/metrics").text, "shoal_ops_received_total", {"lab"})
        .value_or(-1);
  };
  const auto before = received();
  for (int size = 1; size <= 100; ++size)
    BOOST_REQUIRE(at.put(record("entry", id), {{"size", size}}).ok());
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST_MESSAGE("100 writes travelled as " << received() - before);
  BOOST_TEST(received() - before < 50); // as many as windows were needed for them
  BOOST_TEST(lab[1].client().get(record("entry", id)).body["fields"]["size"] == 100);
  lab.check_exports();
}

BOOST_AUTO_TEST_CASE(tokens_do_not_grow_with_the_starts_of_a_node) {
  cluster lab(2);
  lab.start();
  const auto id = numbered_id(2, 1);
  const auto write = [&](int size) {
    const auto wrote =
        lab[0].client().put(record("entry", id), {{"name", "a"}, {"kind", "file"}, {"size", size}});
    BOOST_REQUIRE_MESSAGE(wrote.ok(), wrote.text);
    return std::string(wrote.body["token"]);
  };
  std::string early;
  for (int start = 0; start < 10; ++start) {
    write(start);
    if (start == 8)
      early = write(100);
    BOOST_TEST(lab[0].stop().value_or(-1) == 0);
    lab[0].start();
  }
  std::string token;
  BOOST_TEST(eventually([&] {
    token = write(11);
    return token.size() < 200;
  }));
  BOOST_TEST(early.size() > 0U);
  // Both kinds say what they said, on the other node too.
  for (const auto& t : {token, early})
    for (size_t n = 0; n < 2; ++n) {
      const auto held = lab[n].client().get(lab_path("/wait?timeout=30&for=" + t));
      BOOST_TEST(held.ok(), held.text);
    }
  BOOST_TEST(lab.converge());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
