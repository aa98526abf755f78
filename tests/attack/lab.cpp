#include "tests/attack/lab.hpp"

#include <csignal>
#include <sstream>

namespace shoal::attack {

using nodes::eventually;
using nodes::lab_path;
using nodes::record;

namespace {

nodes::cluster::options quick() {
  nodes::cluster::options how;
  how.sync = "heartbeat_seconds = 1\n";
  return how;
}
device_id device_of(const nodes::node& n) { return parse_id<device_id>(n.device()).value(); }

} // namespace

attacked_lab::attacked_lab()
    : cluster(3, quick()), intruder((*this)[2].dir(), parse_id<library_id>(library()).value()),
      a_id(device_of((*this)[0])), b_id(device_of((*this)[1])) {
  std::signal(SIGPIPE, SIG_IGN);
  a().start();
  b().start();
  for (int n = 0; n < 10; ++n)
    write_some();
  put(a(), "collection", {{"name", "to be deleted"}});
  const auto doomed = put(b(), "tag", {{"canonical_name", "gone"}});
  BOOST_REQUIRE(b().client().remove(record("tag", doomed)).ok());
  BOOST_REQUIRE(converge(60s, {0, 1}));
  kept_ = lines_of(exported(0));
  rss_before_ = std::max(rss_mib(a()), rss_mib(b()));
}

bool attacked_lab::meet(nodes::node& n) {
  // A breach may be noted only after the link has ended.
  return eventually(
      [&] {
        if (intruder.meet(n.port()))
          return true;
        (void)n.client().post(lab_path("/sync"), json::object());
        return false;
      },
      60s);
}

std::string attacked_lab::put(nodes::node& n, const std::string& model, const json& fields) {
  const auto wrote = n.client().put(record(model, "new"), fields);
  BOOST_REQUIRE_MESSAGE(wrote.ok(), n.name() << " refused a write: " << wrote.text);
  const std::string hlc = wrote.body["hlc"];
  const auto wall = std::stoull(hlc.substr(0, 16), nullptr, 16);
  const auto now = now_ms();
  // A peer's stamp may pull it ahead by the drift that is allowed, and no more.
  BOOST_TEST(wall <= now + 121'000, n.name() << " stamps " << wall - now << " ms ahead");
  BOOST_TEST(wall + 60'000 >= now, n.name() << " stamps in the past");
  return wrote.body["id"];
}

void attacked_lab::write_some() {
  ++written_;
  for (auto* n : {&a(), &b()}) {
    const auto name = n->name() + std::to_string(written_);
    put(*n, "tag", {{"canonical_name", name}, {"aliases", {"x", name}}});
    put(*n, "volume", {{"fingerprint", name}, {"total_capacity", written_}});
    put(*n, "collection", {{"name", name}});
  }
}

std::map<attacked_lab::key, std::string> attacked_lab::lines_of(const std::string& exported) {
  std::map<key, std::string> out;
  std::istringstream in(exported);
  for (std::string line; std::getline(in, line);) {
    const auto one = json::parse(line, nullptr, false);
    BOOST_REQUIRE_MESSAGE(one.is_object(), "an export's line is no JSON: " << line);
    const std::string owner = one["owner"].is_null() ? "" : one["owner"].get<std::string>();
    out[{one["model"].get<std::string>() + "/" + one["id"].get<std::string>(), owner}] = line;
  }
  return out;
}

size_t attacked_lab::rss_mib(nodes::node& n) {
  std::istringstream in(nodes::read_file("/proc/" + std::to_string(n.pid()) + "/statm"));
  size_t all = 0;
  size_t resident = 0;
  in >> all >> resident;
  return resident * 4096 >> 20;
}

double attacked_lab::breaches(nodes::node& n) {
  const auto text = n.client().get("/metrics").text;
  return nodes::metric(text, "shoal_peer_breaches_total", {to_string(intruder.device())})
      .value_or(0);
}

void attacked_lab::check_named(nodes::node& n, const std::string& reason) {
  const auto named = [&] {
    const auto status = n.client().get("/v1/status");
    if (!status.ok())
      return false;
    for (const auto& alarm : status.body["alarms"])
      if (alarm.get<std::string>().find(to_string(intruder.device())) != std::string::npos)
        for (const auto& m : status.body["libraries"][0]["members"])
          if (m["device"] == to_string(intruder.device()) && m["last_error"].is_string()
              && m["last_error"].get<std::string>().find(reason) != std::string::npos)
            return true;
    return false;
  };
  const bool told = eventually(named);
  const auto status = told ? std::string{} : n.client().get("/v1/status").text;
  BOOST_TEST(told, n.name() << " does not name the rogue with \"" << reason << "\": " << status);
}

void attacked_lab::remove_rogue() {
  intruder.hang_up();
  // With those that it admitted: what they are said to have made is waited for as well.
  auto client = b().client();
  const auto members = client.get(lab_path("/members"));
  BOOST_REQUIRE_MESSAGE(members.ok(), members.text);
  for (const auto& m : members.body["items"])
    if (m["state"] == "member" && m["device"] != a().device() && m["device"] != b().device()) {
      const auto removed = client.remove(lab_path("/members/" + m["device"].get<std::string>()));
      BOOST_TEST(removed.ok(), removed.text);
    }
}

void attacked_lab::check_at_work(const std::string& after) {
  BOOST_TEST_CONTEXT("after " << after) {
    BOOST_REQUIRE(a().running());
    BOOST_REQUIRE(b().running());
    write_some();
    for (auto* n : {&a(), &b()}) {
      const auto grown = rss_mib(*n) - std::min(rss_before_, rss_mib(*n));
      BOOST_TEST(grown < 200U, n->name() << " grew by " << grown << " MiB");
    }
  }
}

std::map<attacked_lab::key, std::string> attacked_lab::honest_lines(size_t n) const {
  auto out = lines_of(exported(n));
  std::erase_if(out, [&](const std::pair<const key, std::string>& one) {
    const json line = json::parse(one.second);
    const std::string origin = line["origin"];
    return origin != to_string(a_id) && origin != to_string(b_id);
  });
  return out;
}

void attacked_lab::check_honest(const std::string& after) {
  intruder.hang_up();
  check_at_work(after);
  BOOST_TEST_CONTEXT("after " << after) {
    std::map<key, std::string> now;
    const bool level = eventually(
        [&] {
          now = honest_lines(0);
          return now == honest_lines(1);
        },
        60s);
    BOOST_TEST(level, "the honest nodes do not hold the same of each other");
    for (const auto& [id, line] : kept_)
      BOOST_TEST((now.contains(id) && now.at(id) == line), "lost or changed: " << line);
  }
}

void attacked_lab::check(const std::string& after) {
  intruder.hang_up();
  check_at_work(after);
  BOOST_TEST_CONTEXT("after " << after) {
    const bool level = converge(60s, {0, 1});
    std::string why;
    for (auto* n : {&a(), &b()})
      why += level ? "" : "\n" + n->client().get("/v1/status").text;
    BOOST_TEST(level, "the honest nodes do not agree" << why);
    check_exports({0, 1});
    const auto now = lines_of(exported(0));
    for (const auto& [id, line] : kept_) {
      const auto found = now.find(id);
      if (found == now.end())
        BOOST_ERROR("lost: " << line);
      else
        BOOST_TEST(found->second == line);
    }
    for (const auto& [id, line] : now)
      if (id.second == a().device() || id.second == b().device()) {
        // Nobody else's hand in what these two own.
        if (!kept_.contains(id) && line.find("\"fingerprint\":\"") == std::string::npos)
          BOOST_ERROR("of unknown origin: " << line);
        kept_.emplace(id, line);
      }
  }
}

} // namespace shoal::attack
