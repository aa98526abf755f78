#pragma once
// A stream of changes, made while the client takes it: between two bursts it holds two frontiers,
// and within one a view of the store, of limited age.

#include "actors/api/change_bell.hpp"
#include "actors/api/routes.hpp"
#include "store/sync/changes.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>

namespace shoal::api {

struct feed_request {
  std::string library; // as the client named it
  std::shared_ptr<api::library> from;
  std::string model; // empty: all
  bool follow = false;
  bool events = false; // as text/event-stream
  /// Where the client stands; nothing: it has nothing yet.
  std::optional<token_contents> since;
  std::string since_text;
  std::shared_ptr<void> place; // among the followers
};

/// Whether a view may serve the request, and from where on.
struct feed_start {
  enum class what : uint8_t { go, not_yet, expired };
  what may = what::not_yet;
  frontier position;
  change_bounds bounds;
};
result<feed_start> find_start(const kv_view& view, const feed_request& r);

class change_feed final : public body_source, public std::enable_shared_from_this<change_feed> {
public:
  change_feed(const context& c, feed_request r, feed_start start);
  ~change_feed() override;

  result<bool> produce(std::string& out) override;
  bool at_rest() const override { return rests_; }
  void wait(std::function<void()> ready) override;
  bool end_soon() override;

private:
  using steady = std::chrono::steady_clock;

  /// False when there is nothing to tell for now.
  result<bool> begin();
  status refresh();
  void put_line(std::string& out, std::string_view line) const;
  void put_token(std::string& out);
  bool end_with(std::string& out, const error& why);
  void fire();
  void fire_after(steady::duration pause);

  context context_;
  feed_request request_;
  std::shared_ptr<change_bell> bell_;
  // Used by one `produce` after the other.
  frontier position_;    // told, or about to be
  frontier safe_;        // the same, short of what was held and not merged
  change_bounds bounds_; // of the newest view
  bool anew_;            // the client had nothing, and has not been told all yet
  std::optional<change_scan> scan_;
  steady::time_point view_from_;
  std::string token_; // last one that was settled
  size_t lines_ = 0;  // since the last token
  bool owes_token_ = false;
  bool greeted_ = false; // a token has said that the stream is there
  steady::time_point token_at_;
  steady::time_point produced_at_;
  uint64_t seen_ = 0; // rings of the bell before the newest view
  bool rests_ = false;
  std::atomic<bool> ending_ = false;
  // On the io thread.
  std::function<void()> ready_;
  boost::asio::basic_waitable_timer<steady, boost::asio::wait_traits<steady>,
                                    boost::asio::io_context::executor_type>
      timer_;
};

} // namespace shoal::api
