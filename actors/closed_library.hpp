#pragma once
// A library that this node carries and has not open: its store is damaged, or is being closed. It
// shows its state and why, and refuses everything else with that.

#include "actors/api/backend.hpp"

namespace shoal {

/// A view whose every read is this error.
std::shared_ptr<const kv_view> no_view(error why);

class closed_library final : public api::library {
public:
  struct description {
    library_id id;
    std::string name;
    bool sync = true;
    std::string state; // "failed" or "closing"
    error why;
    member_set members; // as last known
    device_id self;
  };
  explicit closed_library(description about) : about_(std::move(about)) {}

  library_id id() const override { return about_.id; }
  std::string name() const override { return about_.name; }
  std::shared_ptr<const kv_view> snapshot() const override { return no_view(about_.why); }
  std::shared_ptr<api::change_bell> changes() const override {
    return std::make_shared<api::change_bell>();
  }
  api::library_status status() const override;
  member_set members() const override { return about_.members; }
  void write(std::vector<edit>, std::optional<api::idempotency>,
             api::callback<api::write_answer> done) override {
    done(about_.why);
  }
  void wait(frontier, std::vector<device_id>, size_t, uint64_t,
            api::callback<api::wait_answer> done) override {
    done(about_.why);
  }
  frontier now() const override { return {}; }
  folded_frontier folded_now() const override { return {}; }
  std::vector<api::op_trace> trace(const frontier&) const override { return {}; }
  void add_member(device_id, std::string, std::string, bool, api::callback<nothing> done) override {
    done(about_.why);
  }
  void remove_member(device_id, bool, api::callback<nothing> done) override { done(about_.why); }
  void sync_now() override {}
  void prune(api::callback<api::prune_answer> done) override { done(about_.why); }
  void verify(bool, api::callback<api::verify_answer> done) override { done(about_.why); }
  void retry_held(std::optional<dot>, api::callback<api::retry_answer> done) override {
    done(about_.why);
  }
  void release_held(dot, api::callback<api::release_answer> done) override { done(about_.why); }
  void hide_held(dot, api::callback<nothing> done) override { done(about_.why); }

private:
  description about_;
};

} // namespace shoal
