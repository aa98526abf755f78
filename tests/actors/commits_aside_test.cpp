// The store writer makes the next group while a commit is under way: on what that will have
// written, and with nobody told before it ended.

#include "actors/store_writer.hpp"
#include "tests/actors/disk.hpp"
#include "tests/actors/keys.hpp"
#include "tests/actors/lab.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/all.hpp>

#include <chrono>
#include <thread>

namespace shoal::test {

namespace {

constexpr record_id the_tag{};

/// The first write makes the tag, the others need it to be there.
edit named(const std::string& name, bool first) {
  edit e;
  e.model = "tag";
  e.id = the_tag;
  field_edit f;
  f.name = "name";
  writer(f.value).str(name);
  e.fields.push_back(std::move(f));
  if (!first)
    e.missing_required = {"color"};
  return e;
}

/// With an argument: without, CAF's header dereferences a null pointer, says UBSan.
caf::behavior hears_all(caf::event_based_actor*, size_t* groups) {
  return {[=](const group_stored&) { ++*groups; }};
}

struct writing {
  caf_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  scratch_folder folder;
  metrics counted;
  std::shared_ptr<disk> files = std::make_shared<disk>();
  std::shared_ptr<powered_disk> power = std::make_shared<powered_disk>(files);
  std::vector<std::string> happened;
  std::function<void()> ended; // of the commit that is under way
  bool on_a_thread = false;    // which ends some time after it has said so
  int failures = 0;
  size_t groups = 0; // that the library heard of
  caf::actor library;
  caf::actor store_writer_;

  writing() {
    writer_setup setup{.store = power,
                       .data = std::move(*replica::open(*files, fixed_key(0).device(), {})),
                       .key = fixed_key(0),
                       .library = {},
                       .counted = counted.add_library("photos"),
                       .time = {},
                       .wall_ms = [] { return uint64_t{1'700'000'000'000}; },
                       .mark = high_water(folder.path() / "mark"),
                       .disk = std::make_shared<disk_space>(folder.path(), 0),
                       .aside =
                           [this](auto commit, auto when_ended) {
                             happened.push_back("begun");
                             if (on_a_thread)
                               return std::async(std::launch::async, [commit, when_ended] {
                                 auto done = commit();
                                 when_ended();
                                 std::this_thread::sleep_for(std::chrono::milliseconds(50));
                                 return done;
                               });
                             ended = when_ended;
                             return std::async(std::launch::deferred, [this, commit] {
                               auto done = commit();
                               happened.push_back("committed");
                               return done;
                             });
                           },
                       .aside_bytes_min = 0,
                       .publish = [](const replica_summary&, uint64_t) {},
                       .on_failure = [this](const error&) { ++failures; }};
    library = system.spawn(hears_all, &groups);
    store_writer_ =
        system.spawn(store_writer, std::make_shared<writer_setup>(std::move(setup)), library);
  }
  ~writing() {
    caf::anon_send_exit(store_writer_, caf::exit_reason::kill);
    caf::anon_send_exit(library, caf::exit_reason::kill);
    run();
  }
  writing(const writing&) = delete;
  writing& operator=(const writing&) = delete;

  void run() {
    while (scheduler.try_run_once()) {
    }
  }
  void write(const std::string& name) {
    write_job w;
    w.edits = {named(name, name == "first")};
    w.done = [this, name](const result<api::write_answer>& answer) {
      happened.push_back(name + ": "
                         + (answer ? "written" : std::string(to_string(answer.err().code))));
    };
    caf::anon_send(store_writer_, store_job{std::make_shared<job>(std::move(w))});
    run();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(commits_aside, writing)

BOOST_AUTO_TEST_CASE(a_group_rests_on_the_one_that_is_being_committed_and_is_told_after_it) {
  write("first");
  BOOST_TEST(happened == (std::vector<std::string>{"begun"}), boost::test_tools::per_element());
  write("second"); // would be missing_field, were the first not there
  write("third");
  BOOST_TEST(happened == (std::vector<std::string>{"begun"}), boost::test_tools::per_element());
  ended();
  run();
  BOOST_TEST(happened
                 == (std::vector<std::string>{"begun", "committed", "first: written", "begun"}),
             boost::test_tools::per_element());
  ended();
  run();
  BOOST_TEST(happened
                 == (std::vector<std::string>{"begun", "committed", "first: written", "begun",
                                              "committed", "second: written", "third: written"}),
             boost::test_tools::per_element()); // two at once
  BOOST_TEST(groups == 2U);
  BOOST_TEST(failures == 0);
}

BOOST_AUTO_TEST_CASE(a_group_that_is_full_waits_for_the_one_that_is_being_committed) {
  write("first");
  for (size_t n = 0; n <= limits::group_commit_requests_max; ++n)
    write("further");
  BOOST_TEST(happened
                 == (std::vector<std::string>{"begun", "committed", "first: written", "begun"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_rests_on_a_commit_that_failed_is_not_committed) {
  power->fail_in(0, false, [] {});
  write("first");
  write("second");
  ended();
  run();
  write("third");
  BOOST_TEST(happened
                 == (std::vector<std::string>{"begun", "committed", "first: outcome_unknown",
                                              "second: outcome_unknown", "third: unavailable"}),
             boost::test_tools::per_element());
  BOOST_TEST(failures == 1);
  BOOST_TEST((*files->get(family::meta, "clock") == std::nullopt));
}

// Seen: the word came before the result was to be had, and the last group of a fill waited for
// ever.
BOOST_AUTO_TEST_CASE(the_word_that_a_commit_has_ended_may_come_before_its_result) {
  on_a_thread = true;
  write("first");
  for (int tries = 0; tries < 500 && happened.size() < 2; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    run();
  }
  BOOST_TEST(happened == (std::vector<std::string>{"begun", "first: written"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_exit_waits_for_the_commit_that_is_under_way_and_for_the_next) {
  write("first");
  write("second");
  caf::anon_send_exit(store_writer_, caf::exit_reason::user_shutdown);
  run();
  BOOST_TEST(happened
                 == (std::vector<std::string>{"begun", "committed", "first: written", "begun",
                                              "committed", "second: written"}),
             boost::test_tools::per_element());
  ended(); // the word of it finds nobody
  run();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
