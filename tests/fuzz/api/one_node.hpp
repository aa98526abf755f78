#pragma once
// A node with one library, in memory and without a thread: requests are answered before `ask`
// returns, by the API's own routes over a real replica. For fuzz targets; a fresh one for each
// input.

#include "actors/api/routes.hpp"
#include "sim/sim_store.hpp"
#include "store/sync/replica.hpp"

namespace shoal::fuzz {

class one_library final : public api::library {
public:
  one_library(library_id id, device_id self);

  library_id id() const override { return id_; }
  std::string name() const override { return "photos"; }
  std::shared_ptr<const kv_view> snapshot() const override { return store_.snapshot(); }
  std::shared_ptr<api::change_bell> changes() const override { return bell_; }
  api::library_status status() const override;
  member_set members() const override { return data_->members(); }
  void write(std::vector<edit> edits, std::optional<api::idempotency> once,
             api::callback<api::write_answer> done) override;
  void wait(frontier what, std::vector<device_id> devices, size_t needed, uint64_t timeout_ms,
            api::callback<api::wait_answer> done) override;
  frontier now() const override { return data_->held(); }
  folded_frontier folded_now() const override { return fold(data_->held(), data_->ended()); }
  std::vector<api::op_trace> trace(const frontier&) const override { return {}; }
  void add_member(device_id device, std::string address, std::string name, bool readmit,
                  api::callback<nothing> done) override;
  void remove_member(device_id device, bool purge, api::callback<nothing> done) override;
  void sync_now() override {}
  void prune(api::callback<api::prune_answer> done) override { done(api::prune_answer{}); }
  void verify(bool repair, api::callback<api::verify_answer> done) override;
  void retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) override;
  void release_held(dot which, api::callback<api::release_answer> done) override;
  void hide_held(dot which, api::callback<nothing> done) override;

private:
  std::shared_ptr<api::change_bell> bell_ = std::make_shared<api::change_bell>();
  template <class T, class Work>
  void in_one_commit(const api::callback<T>& done, Work work);
  void merge(member_set change, const api::callback<nothing>& done);

  library_id id_;
  device_id self_;
  sim::sim_store store_;
  std::unique_ptr<replica> data_;
  uint64_t wall_ms_ = 1'700'000'000'000;
};

class one_node final : public api::node {
public:
  one_node();
  one_node(const one_node&) = delete;
  one_node& operator=(const one_node&) = delete;

  /// The answer; a stream's pieces are in its body. Ends the process when a request is answered
  /// twice or never, or not as INTERFACE.md says answers are.
  api::reply ask(boost::beast::http::verb method, std::string_view target, std::string body = {},
                 std::string key = {});

  device_id device() const override { return self_; }
  std::string name() const override { return "alice"; }
  std::string address() const override { return "10.0.0.1:7420"; }
  std::vector<std::shared_ptr<api::library>> libraries() const override { return {photos_}; }
  void create_library(std::string name, api::callback<std::shared_ptr<api::library>> done) override;
  bool left_before(const library_id&) const override { return false; }
  void join_library(api::join_request what,
                    api::callback<std::shared_ptr<api::library>> done) override;
  void leave_library(const library_id& id, api::leave_request how,
                     api::callback<std::string> done) override;
  void rebuild_library(const library_id& id, api::callback<std::string> done) override;
  void pause_library(const library_id& id, bool on, api::callback<std::string> done) override;
  std::vector<std::string> alarms() const override { return {}; }
  std::vector<api::logged_event> events() const override {
    return {{1'700'000'000'000, "info", "node", "linked to \xff"}};
  }
  api::node_health health() const override { return {}; }
  std::shared_ptr<const models::registry> models() const override;
  std::string metrics() const override { return "shoal_log_entries 3\n"; }
  void set_log_level(const std::string& spec, api::callback<nothing> done) override;

private:
  device_id self_;
  std::shared_ptr<one_library> photos_;
  api::context context_;
};

/// Percent-encodes all that a path segment or a query value cannot hold.
std::string escaped(std::string_view text);

} // namespace shoal::fuzz
