#include "actors/closed_library.hpp"

namespace shoal {

namespace {

class failed_cursor final : public kv_cursor {
public:
  explicit failed_cursor(error why) : why_(std::move(why)) {}
  void seek(std::string_view) override {}
  bool valid() const override { return false; }
  void next() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  status state() const override { return why_; }

private:
  error why_;
};

class failed_view final : public kv_view {
public:
  explicit failed_view(error why) : why_(std::move(why)) {}
  result<std::optional<std::string>> get(family, std::string_view) const override { return why_; }
  std::unique_ptr<kv_cursor> cursor(family) const override {
    return std::make_unique<failed_cursor>(why_);
  }

private:
  error why_;
};

} // namespace

std::shared_ptr<const kv_view> no_view(error why) {
  return std::make_shared<failed_view>(std::move(why));
}

api::library_status closed_library::status() const {
  api::library_status s;
  s.id = about_.id;
  s.name = about_.name;
  s.sync = about_.sync;
  s.state = about_.state;
  s.why = about_.why.message;
  s.progress = 0;
  s.settled = false;
  for (const auto& [device, m] : about_.members) {
    if (device == about_.self)
      continue;
    api::member_status out;
    out.device = device;
    out.name = m.name;
    out.address = m.address;
    out.removed = m.removed;
    out.state = m.removed ? "removed" : "down";
    out.breaker = "closed";
    s.members.push_back(std::move(out));
  }
  return s;
}

} // namespace shoal
