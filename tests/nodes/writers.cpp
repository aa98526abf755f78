#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

void ledger::note(const std::string& id, uint64_t version) {
  const std::lock_guard guard(mutex_);
  auto& newest = acknowledged_[id];
  newest = std::max(newest, version);
}

std::map<std::string, uint64_t> ledger::all() const {
  const std::lock_guard guard(mutex_);
  return acknowledged_;
}

void ledger::check(const std::map<std::string, json>& records) const {
  constexpr size_t shown = 5;
  const auto promised = all();
  size_t missing = 0;
  for (const auto& [id, version] : promised) {
    const auto found = records.find(id);
    uint64_t stands = 0;
    if (found != records.end()) {
      const auto& fields = found->second["fields"];
      stands =
          fields.value(found->second["model"] == "tag" ? "search_weight" : "size", uint64_t{0});
    }
    if (stands < version && ++missing <= shown)
      BOOST_ERROR("acknowledged and missing: " << id << " version " << version << ", there is "
                                               << stands);
  }
  BOOST_REQUIRE_MESSAGE(missing == 0,
                        missing << " of " << promised.size() << " acknowledged writes are missing");
}

writer::writer(node& target, ledger& told, unsigned number, std::chrono::milliseconds between)
    : target_(target), told_(told), number_(number), between_(between), thread_([this] { run(); }) {
}

void writer::pause() {
  paused_ = true; // first: a busy writer would take the mutex again and again
  const std::lock_guard guard(mutex_);
}

void writer::end() {
  stop_ = true;
  if (thread_.joinable())
    thread_.join();
}

void writer::check(const std::map<std::string, json>& records) const {
  const std::lock_guard guard(mutex_);
  BOOST_TEST(refused_.empty(), refused_);
  for (const auto& [one, two] : pairs_)
    BOOST_REQUIRE_MESSAGE(records.contains(one) == records.contains(two),
                          "half of an atomic batch: " << one << ", " << two);
}

std::string writer::fresh_id() {
  char text[40];
  snprintf(text, sizeof text, "%08x-aaaa-4000-8000-%012lx", number_,
           static_cast<unsigned long>(++ids_));
  return text;
}

void writer::run() {
  std::optional<api> client;
  while (!stop_) {
    {
      const std::lock_guard guard(mutex_);
      if (!paused_ && step(client)) {
        if (between_ == 0ms)
          continue;
      } else {
        client.reset(); // the node is away, or was told to be: look where it is now
      }
    }
    std::this_thread::sleep_for(std::max(between_, 5ms));
  }
}

bool writer::step(std::optional<api>& client) {
  if (!client) {
    const auto said =
        json::parse(read_file(target_.dir() / "run" / "endpoints.json"), nullptr, false);
    if (!said.is_object())
      return false;
    client.emplace(said["api"], target_.token());
  }
  ++turn_;
  if (turn_ % 4 == 0) { // its own tag, once more
    const auto version = ++own_version_;
    return done(client->put(record("tag", own_tag_),
                            {{"canonical_name", "own"}, {"search_weight", version}}),
                {{own_tag_, version}});
  }
  const auto one = fresh_id();
  if (turn_ % 4 == 1)
    return done(client->put(record("tag", one), {{"canonical_name", "t"}, {"search_weight", 1}}),
                {{one, 1}});
  if (turn_ % 4 == 2)
    return done(client->put(record("entry", one), {{"name", "e"}, {"kind", "file"}, {"size", 1}}),
                {{one, 1}});
  const auto two = fresh_id();
  pairs_.emplace_back(one, two);
  json ops = json::array();
  ops.push_back({{"model", "tag"},
                 {"id", one},
                 {"fields", {{"canonical_name", "pair"}, {"search_weight", 1}}}});
  ops.push_back({{"model", "entry"},
                 {"id", two},
                 {"fields", {{"name", "pair"}, {"kind", "file"}, {"size", 1}}}});
  return done(client->post(lab_path("/batch"), {{"ops", ops}}), {{one, 1}, {two, 1}});
}

bool writer::done(const answer& got, const std::map<std::string, uint64_t>& wrote) {
  if (!got.ok()) { // no answer: whether it is there is unknown, and nothing was promised
    if (got.status != 0 && got.status != 503 && got.status != 507)
      refused_ = got.text;
    return false;
  }
  for (const auto& [id, version] : wrote)
    told_.note(id, version);
  acknowledged_ += wrote.size();
  return true;
}

} // namespace shoal::nodes
