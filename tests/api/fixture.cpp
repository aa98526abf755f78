#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace shoal::test {
namespace {

using rows = std::map<std::string, std::string, std::less<>>;

class map_cursor final : public kv_cursor {
public:
  explicit map_cursor(const rows& all) : all_(all), at_(all.end()) {}
  void seek(std::string_view key) override { at_ = all_.lower_bound(key); }
  bool valid() const override { return at_ != all_.end(); }
  void next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  status state() const override { return success(); }

private:
  const rows& all_;
  rows::const_iterator at_;
};

} // namespace

result<std::optional<std::string>> map_store::get(family f, std::string_view key) const {
  const auto& all = families_[static_cast<size_t>(f)];
  auto found = all.find(key);
  if (found == all.end())
    return std::optional<std::string>{};
  return std::optional<std::string>(found->second);
}

std::unique_ptr<kv_cursor> map_store::cursor(family f) const {
  return std::make_unique<map_cursor>(families_[static_cast<size_t>(f)]);
}

std::shared_ptr<const kv_view> map_store::snapshot() const {
  return std::make_shared<map_store>(*this);
}

status map_store::commit(const kv_batch& batch) {
  for (const auto& w : batch) {
    auto& all = families_[static_cast<size_t>(w.where)];
    if (w.value)
      all.insert_or_assign(w.key, *w.value);
    else
      all.erase(w.key);
  }
  return success();
}

test_library::test_library(library_id id, std::string name, device_id self)
    : id_(id), name_(std::move(name)), self_(self) {
  shown.state = "ready";
  shown.converged = true;
  members_[self] = member{};
  auto opened = replica::open(store_, self, {.fresh_epoch = 7});
  BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.err().message));
  replica_ = std::move(*opened);
  writer_ = std::thread([this] { run(); });
}

test_library::~test_library() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

void test_library::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (jobs_.empty()) {
      changed_.wait(lock);
      continue;
    }
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    next();
    lock.lock();
  }
}

void test_library::submit(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  (hold ? held_ : jobs_).push_back(std::move(job));
  changed_.notify_all();
}

void test_library::let_go() {
  std::lock_guard lock(mutex_);
  hold = false;
  for (auto& job : held_)
    jobs_.push_back(std::move(job));
  held_.clear();
  changed_.notify_all();
}

void test_library::await_held(size_t n) {
  std::unique_lock lock(mutex_);
  BOOST_REQUIRE_MESSAGE(
      changed_.wait_for(lock, std::chrono::seconds(20), [&] { return held_.size() >= n; }),
      "no write came within 20 s");
}

std::shared_ptr<const kv_view> test_library::snapshot() const {
  std::lock_guard lock(mutex_);
  return store_.snapshot();
}

api::library_status test_library::status() const {
  std::lock_guard lock(mutex_);
  auto out = shown;
  auto summary = replica_->summary();
  out.id = id_;
  out.name = name_;
  out.settled = summary.settled;
  out.held = summary.held;
  out.log_entries = summary.log_entries;
  out.digest = "00112233445566778899aabbccddeeff";
  for (const auto& [model, count] : summary.records)
    out.records[model] = static_cast<uint64_t>(count);
  return out;
}

member_set test_library::members() const {
  std::lock_guard lock(mutex_);
  return members_;
}

frontier test_library::now() const {
  std::lock_guard lock(mutex_);
  return replica_->held();
}

folded_frontier test_library::folded_now() const {
  std::lock_guard lock(mutex_);
  return fold(replica_->held(), replica_->ended());
}

/// On any thread: Boost.Test's checks are the main thread's alone.
static void commit_whole(kv_store& store, kv_transaction& txn) {
  if (const auto committed = store.commit(txn.take()); !committed) {
    std::cerr << "the test's store: " << committed.err().message << '\n';
    std::abort();
  }
}

void test_library::write(std::vector<edit> edits, std::optional<api::idempotency> once,
                         api::callback<api::write_answer> done) {
  if (swallow)
    return;
  submit([this, edits = std::move(edits), once = std::move(once), done = std::move(done)] {
    if (write_error)
      return done(*write_error);
    std::unique_lock lock(mutex_);
    if (once)
      last_once = {once->key, once->request_hash};
    kv_transaction txn(store_);
    auto made = replica_->commit(txn, edits, ++wall_ms_,
                                 once ? std::optional(once_key{once->key, once->request_hash})
                                      : std::nullopt);
    if (!made) {
      lock.unlock();
      return done(made.err());
    }
    replica_->seal(txn);
    commit_whole(store_, txn);
    api::write_answer answer{to_token(fold(replica_->held(), replica_->ended())),
                             std::move(made->results)};
    lock.unlock();
    bell_->ring();
    done(std::move(answer));
  });
}

void test_library::receive(const range& r) {
  std::lock_guard lock(mutex_);
  kv_transaction txn(store_);
  auto applied = replica_->apply(txn, std::span(&r, 1), ++wall_ms_);
  BOOST_REQUIRE_MESSAGE(applied.ok(), (applied.ok() ? std::string() : applied.err().message));
  replica_->seal(txn);
  commit_whole(store_, txn);
  bell_->ring();
}

void test_library::change(const std::function<void(replica&, kv_transaction&)>& how) {
  {
    std::lock_guard lock(mutex_);
    kv_transaction txn(store_);
    how(*replica_, txn);
    replica_->seal(txn);
    commit_whole(store_, txn);
  }
  bell_->ring();
}

void test_library::retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) {
  submit([this, which, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    kv_transaction txn(store_);
    api::retry_answer out;
    if (which) {
      auto merged = replica_->retry(txn, *which, wall_ms_);
      if (!merged) {
        lock.unlock();
        return done(merged.err());
      }
      out = {1, *merged ? 1U : 0U, false};
    } else {
      out.tried = replica_->summary().held_back.unmergeable;
      replica_->retry_all();
      out.merged = *replica_->release(txn, wall_ms_, 1000);
    }
    replica_->seal(txn);
    commit_whole(store_, txn);
    lock.unlock();
    done(out);
  });
}

void test_library::release_held(dot which, api::callback<api::release_answer> done) {
  submit([this, which, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    kv_transaction txn(store_);
    auto made = replica_->recommit(txn, which, ++wall_ms_);
    if (!made) {
      lock.unlock();
      return done(made.err());
    }
    replica_->seal(txn);
    commit_whole(store_, txn);
    api::release_answer out;
    out.write = {to_token(fold(replica_->held(), replica_->ended())),
                 std::move(made->made.results)};
    out.released = made->ops;
    out.left_out = std::move(made->left_out);
    lock.unlock();
    done(out);
  });
}

void test_library::hide_held(dot which, api::callback<nothing> done) {
  submit([this, which, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    kv_transaction txn(store_);
    auto hidden = replica_->hide(txn, which);
    replica_->seal(txn);
    commit_whole(store_, txn);
    lock.unlock();
    done(hidden);
  });
}

void test_library::wait(frontier, std::vector<device_id> devices, size_t needed,
                        uint64_t timeout_ms, api::callback<api::wait_answer> done) {
  submit([this, devices = std::move(devices), needed, timeout_ms, done = std::move(done)] {
    last_wait = {timeout_ms, devices.size(), needed};
    api::wait_answer out;
    for (const auto& d : devices)
      (std::find(holders.begin(), holders.end(), d) != holders.end() ? out.held : out.missing)
          .push_back(d);
    done(std::move(out));
  });
}

std::vector<api::op_trace> test_library::trace(const frontier& what) const {
  std::vector<api::op_trace> out;
  for (const auto& [stream, seq] : what) {
    api::op_trace t;
    t.stream = stream;
    t.seq = seq;
    t.durable_ms = 1'700'000'000'001;
    t.members.push_back({device(2), 1'700'000'000'002, 1'700'000'000'003, true});
    t.members.push_back({device(3), std::nullopt, std::nullopt, false});
    out.push_back(std::move(t));
  }
  return out;
}

void test_library::add_member(device_id d, std::string address, std::string name, bool readmit,
                              api::callback<nothing> done) {
  submit([this, d, address = std::move(address), name = std::move(name), readmit,
          done = std::move(done)] {
    {
      std::lock_guard lock(mutex_);
      auto& m = members_[d];
      if (!m.removed || readmit)
        m = member{.address = address, .name = name};
    }
    done(nothing{});
  });
}

void test_library::remove_member(device_id d, bool purge, api::callback<nothing> done) {
  submit([this, d, purge, done = std::move(done)] {
    {
      std::lock_guard lock(mutex_);
      members_[d].removed = true;
      last_purge = purge;
    }
    done(nothing{});
  });
}

void test_library::verify(bool repair, api::callback<api::verify_answer> done) {
  submit([repair, done = std::move(done)] {
    api::verify_answer a;
    a.ok = repair;
    a.versions = 7;
    a.problems = 1;
    a.described = {"a row that does not decode"};
    a.peers.push_back({device(9), true, 7, 2, repair ? 1U : 0U});
    done(std::move(a));
  });
}

void test_library::prune(api::callback<api::prune_answer> done) {
  submit([done = std::move(done)] { done(api::prune_answer{5, 2, {device(9)}}); });
}

device_id test_node::device() const { return test::device(1); }

std::vector<std::shared_ptr<api::library>> test_node::libraries() const {
  std::lock_guard lock(mutex_);
  return {libraries_.begin(), libraries_.end()};
}

std::shared_ptr<test_library> test_node::add(const std::string& name) {
  std::lock_guard lock(mutex_);
  library_id id;
  id.bytes.fill(static_cast<uint8_t>(0xa0 + libraries_.size()));
  libraries_.push_back(std::make_shared<test_library>(id, name, device()));
  return libraries_.back();
}

void test_node::create_library(std::string name,
                               api::callback<std::shared_ptr<api::library>> done) {
  for (const auto& l : libraries())
    if (l->name() == name)
      return done(error{ec::conflict, "library " + name + " is there already"});
  done(std::shared_ptr<api::library>(add(name)));
}

void test_node::join_library(api::join_request what,
                             api::callback<std::shared_ptr<api::library>> done) {
  joined = what;
  for (const auto& l : libraries())
    if (l->id() == what.id)
      return done(error{ec::conflict, "library " + to_string(what.id) + " is there already"});
  done(std::shared_ptr<api::library>(add(what.name)));
}

void test_node::leave_library(const library_id&, api::leave_request how,
                              api::callback<std::string> done) {
  left = how;
  done(life_error ? result<std::string>(*life_error) : std::string(how.drop ? "" : "/data/left"));
}

void test_node::rebuild_library(const library_id&, api::callback<std::string> done) {
  done(life_error ? result<std::string>(*life_error) : std::string("/data/damaged"));
}

void test_node::pause_library(const library_id& id, bool on, api::callback<std::string> done) {
  if (life_error)
    return done(*life_error);
  for (const auto& l : libraries())
    if (l->id() == id)
      std::static_pointer_cast<test_library>(l)->shown.state = on ? "paused" : "ready";
  done(std::string());
}

void test_node::set_log_level(const std::string& spec, api::callback<nothing> done) {
  if (spec != "debug")
    return done(error{ec::bad_request, "no such level: " + spec});
  done(nothing{});
}

served::served(api::bounds limits) {
  photos = node.add("photos");
  api::options o;
  o.token = token;
  o.limits = limits;
  auto started = api::server::start(std::move(o), node);
  BOOST_REQUIRE_MESSAGE(started.ok(), (started.ok() ? std::string() : started.err().message));
  server = std::move(*started);
}

httplib::Client served::client() const {
  httplib::Client c("127.0.0.1", server->port());
  c.set_default_headers({{"Authorization", std::string("Bearer ") + token}});
  return c;
}

httplib::Result served::put(const std::string& path, const json& body) const {
  return client().Put(path.c_str(), body.dump(), "application/json");
}

httplib::Result served::post(const std::string& path, const json& body) const {
  return client().Post(path.c_str(), body.dump(), "application/json");
}

raw_client::raw_client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOST_REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  // A server that never answers fails the test instead of hanging it.
  timeval limit{20, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

raw_client::~raw_client() { ::close(fd_); }

void raw_client::say(std::string_view bytes) const {
  while (!bytes.empty()) {
    auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return; // the server has closed; what it said before is still to be read
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool raw_client::more() {
  char room[65536];
  auto n = ::recv(fd_, room, sizeof room, 0);
  if (n < 0)
    BOOST_REQUIRE_MESSAGE(errno == ECONNRESET, "no answer within 20 s");
  if (n <= 0)
    return false;
  pending_.append(room, static_cast<size_t>(n));
  return true;
}

std::string raw_client::read_until(std::string_view ending) {
  size_t at = 0;
  while ((at = pending_.find(ending)) == std::string::npos)
    if (!more())
      return std::exchange(pending_, {});
  auto out = pending_.substr(0, at + ending.size());
  pending_.erase(0, out.size());
  return out;
}

std::string raw_client::read_bytes(size_t n) {
  while (pending_.size() < n && more()) {
  }
  auto out = pending_.substr(0, n);
  pending_.erase(0, out.size());
  return out;
}

std::string raw_client::read_all() {
  while (more()) {
  }
  return std::exchange(pending_, {});
}

std::string raw_client::read_answer() {
  auto head = read_until("\r\n\r\n");
  auto at = head.find("Content-Length: ");
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, "no Content-Length in: " << head);
  auto length = std::stoul(head.substr(at + 16));
  while (pending_.size() < length && more()) {
  }
  auto body = pending_.substr(0, length);
  pending_.erase(0, body.size());
  return head + body;
}

void raw_client::stop_sending() const { ::shutdown(fd_, SHUT_WR); }

std::string request_text(const std::string& method, const std::string& path,
                         const std::string& body, const std::string& headers) {
  auto out = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token
             + "\r\n" + headers;
  if (!body.empty())
    out +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}

} // namespace shoal::test
