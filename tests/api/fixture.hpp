#pragma once
// A real server on a loopback port over a node whose libraries are replicas on a map: what a write
// commits can be read back, and answers come from another thread, as in production.

#include "actors/api/server.hpp"
#include "store/sync/replica.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include <httplib.h>
#include <nlohmann/json.hpp>

namespace shoal::test {

using nlohmann::json;

/// An ordered map per family. Snapshots are copies: tests are small.
class map_store final : public kv_store {
public:
  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  std::unique_ptr<kv_cursor> cursor(family f) const override;
  std::shared_ptr<const kv_view> snapshot() const override;
  status commit(const kv_batch& batch) override;

private:
  std::array<std::map<std::string, std::string, std::less<>>, family_count> families_;
};

/// One library, written by one thread that also calls back.
class test_library final : public api::library {
public:
  test_library(library_id id, std::string name, device_id self);
  ~test_library() override;

  library_id id() const override { return id_; }
  std::string name() const override { return name_; }
  std::shared_ptr<const kv_view> snapshot() const override;
  std::shared_ptr<api::change_bell> changes() const override { return bell_; }
  api::library_status status() const override;
  member_set members() const override;
  void write(std::vector<edit> edits, std::optional<api::idempotency> once,
             api::callback<api::write_answer> done) override;
  void wait(frontier what, std::vector<device_id> devices, size_t needed, uint64_t timeout_ms,
            api::callback<api::wait_answer> done) override;
  frontier now() const override;
  folded_frontier folded_now() const override;
  std::vector<api::op_trace> trace(const frontier& what) const override;
  void add_member(device_id device, std::string address, std::string name, bool readmit,
                  api::callback<nothing> done) override;
  void remove_member(device_id device, bool purge, api::callback<nothing> done) override;
  void sync_now() override { ++syncs; }
  void prune(api::callback<api::prune_answer> done) override;
  void verify(bool repair, api::callback<api::verify_answer> done) override;
  void retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) override;
  void release_held(dot which, api::callback<api::release_answer> done) override;
  void hide_held(dot which, api::callback<nothing> done) override;

  /// Applies another device's ops, as a peer's link would.
  void receive(const range& r);
  /// One commit of whatever the store writer does, and its ring.
  void change(const std::function<void(replica&, kv_transaction&)>& how);

  // What a test sets up, before requests, or looks at, after them.
  std::optional<error> write_error; // the answer to every write
  std::vector<device_id> holders;   // devices that hold everything
  api::library_status shown;        // state, members, …
  std::atomic<int> syncs{0};
  std::atomic<bool> swallow{false}; // writes are dropped, never answered
  std::atomic<bool> hold{false};    // writes wait for `let_go`
  /// Runs what `hold` kept, on the writer's thread.
  void let_go();
  /// Blocks until `n` writes are kept by `hold`.
  void await_held(size_t n);
  std::pair<std::string, uint64_t> last_once;     // key and hash of the last write
  std::tuple<uint64_t, size_t, size_t> last_wait; // timeout ms, devices, needed
  bool last_purge = false;

private:
  void run();
  void submit(std::function<void()> job);
  std::shared_ptr<api::change_bell> bell_ = std::make_shared<api::change_bell>();

  library_id id_;
  std::string name_;
  device_id self_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::deque<std::function<void()>> held_;
  bool ending_ = false;
  map_store store_;
  std::unique_ptr<replica> replica_;
  member_set members_;
  uint64_t wall_ms_ = 1'700'000'000'000;
  std::thread writer_;
};

class test_node final : public api::node {
public:
  device_id device() const override;
  std::string name() const override { return "alice"; }
  std::vector<std::shared_ptr<api::library>> libraries() const override;
  void create_library(std::string name, api::callback<std::shared_ptr<api::library>> done) override;
  std::string address() const override { return "10.0.0.1:7420"; }
  void join_library(api::join_request what,
                    api::callback<std::shared_ptr<api::library>> done) override;
  bool left_before(const library_id&) const override { return was_left; }
  void leave_library(const library_id& id, api::leave_request how,
                     api::callback<std::string> done) override;
  void rebuild_library(const library_id& id, api::callback<std::string> done) override;
  void pause_library(const library_id& id, bool on, api::callback<std::string> done) override;
  std::vector<std::string> alarms() const override { return {"a clone runs"}; }
  std::vector<api::logged_event> events() const override {
    return {{1000, "info", "node", "linked to \xff"}};
  }
  api::node_health health() const override { return {5'000'000, 1'000'000, 2'000'000'000'000}; }
  std::shared_ptr<const models::registry> models() const override { return models_; }
  std::string metrics() const override { return "shoal_log_entries 3\n"; }
  void set_log_level(const std::string& spec, api::callback<nothing> done) override;

  std::shared_ptr<test_library> add(const std::string& name);

  // What was asked last.
  api::join_request joined;
  api::leave_request left;
  bool was_left = false;
  std::optional<error> life_error; // the answer to leave, rebuild and pause

private:
  std::shared_ptr<const models::registry> models_ = std::make_shared<models::registry>();
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<test_library>> libraries_;
};

inline device_id device(uint8_t n) {
  device_id d;
  d.bytes.fill(n);
  return d;
}

constexpr auto token = "0123456789abcdef";

/// A node with the library `photos`, served.
struct served {
  explicit served(api::bounds limits = {});
  ~served() { server->stop(); }

  /// A keep-alive client that carries the token.
  httplib::Client client() const;
  httplib::Result get(const std::string& path) const { return client().Get(path.c_str()); }
  httplib::Result put(const std::string& path, const json& body) const;
  httplib::Result post(const std::string& path, const json& body) const;
  httplib::Result del(const std::string& path) const { return client().Delete(path.c_str()); }

  test_node node;
  std::shared_ptr<test_library> photos;
  std::unique_ptr<api::server> server;
};

/// A socket that says exactly what a test wants said.
class raw_client {
public:
  explicit raw_client(uint16_t port);
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  void say(std::string_view bytes) const;
  /// Reads until `ending` was read or the server closed.
  std::string read_until(std::string_view ending);
  /// Reads `n` bytes, or as many as there are until the server closes.
  std::string read_bytes(size_t n);
  /// Reads until the server closes.
  std::string read_all();
  /// One answer with a Content-Length: its head and body.
  std::string read_answer();
  void stop_sending() const;

private:
  bool more();
  int fd_;
  std::string pending_;
};

/// A request with Host, token and a JSON body, if any.
std::string request_text(const std::string& method, const std::string& path,
                         const std::string& body = {}, const std::string& headers = {});

inline json body_of(const httplib::Result& r) { return json::parse(r->body); }
/// `error.code` of an answer.
inline std::string code_of(const httplib::Result& r) { return body_of(r)["error"]["code"]; }

} // namespace shoal::test
