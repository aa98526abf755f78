// GET …/changes: from a token, or from nothing.

#include "actors/api/change_feed.hpp"
#include "actors/api/gzip.hpp"
#include "store/models/registry.hpp"
#include "store/sync/records.hpp"

namespace shoal::api {

namespace {

using steady = std::chrono::steady_clock;

/// How long a node that is behind the token may take to catch up before it says so.
constexpr auto patience = std::chrono::seconds(10);

/// A request that waits until this node can serve it.
class feed_opening : public std::enable_shared_from_this<feed_opening> {
public:
  feed_opening(const context& c, feed_request r, bool gzip, responder to)
      : context_(c), request_(std::move(r)), gzip_(gzip), to_(std::move(to)),
        bell_(request_.from->changes()), until_(steady::now() + patience), timer_(c.io->io()) {}
  ~feed_opening() { bell_->forget(this); }

  /// On the work thread.
  void look() {
    const auto seen = bell_->count();
    const auto view = request_.from->snapshot();
    if (auto known = check_model(*view); !known)
      return to_->send(error_reply(known.err()));
    auto start = find_start(*view, request_);
    if (!start)
      return to_->send(error_reply(start.err()));
    switch (start->may) {
    case feed_start::what::go: return open(std::move(*start));
    case feed_start::what::expired:
      return to_->send(error_reply(
          410, "token_expired",
          "the token is older than the deletes that this node remembers, or than a repair of its "
          "records; begin anew without since, and keep only what that tells"));
    case feed_start::what::not_yet: break;
    }
    if (steady::now() >= until_)
      return to_->send(error_reply(
          503, "unavailable",
          request_.since ? "this node does not hold all that the token names, and waited for it; "
                           "ask again, ask another node, or begin anew without since"
                         : "this node is still taking in what its records refer to; ask again, or "
                           "ask another node"));
    context_.io->post([self = shared_from_this(), seen] { self->wait(seen); });
  }

private:
  /// A misspelt model would be followed in vain.
  status check_model(const kv_view& view) const {
    const auto& model = request_.model;
    if (model.empty() || context_.self->models()->find(model) != nullptr)
      return success();
    auto present = models_present(view);
    if (!present)
      return present.err();
    for (const auto& [cls, name] : *present)
      if (name == model)
        return success();
    return {ec::unknown_model, "there is no model \"" + model
                                   + "\" on this node, and the library has no record of one"};
  }

  /// On the io thread: looks again once something is new, or the time is up.
  void wait(uint64_t seen) {
    context_.feeds->waiting.insert(shared_from_this());
    timer_.expires_at(until_);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      if (const auto self = weak.lock(); self && !cancelled)
        self->again();
    });
    bell_->once(seen, this, [weak = weak_from_this(), io = context_.io] {
      io->post([weak] {
        if (const auto self = weak.lock())
          self->again();
      });
    });
  }

  void again() {
    const auto self = shared_from_this();
    if (context_.feeds->waiting.erase(self) == 0)
      return;
    timer_.cancel();
    context_.work->post([self] { self->look(); });
  }

  void open(feed_start start) {
    reply r;
    r.content_type = request_.events ? "text/event-stream" : "application/x-ndjson";
    r.headers = "Vary: Accept, Accept-Encoding\r\n";
    r.stream = std::make_shared<change_feed>(context_, std::move(request_), std::move(start));
    if (gzip_) {
      r.headers += "Content-Encoding: gzip\r\n";
      r.stream = std::make_shared<gzip_source>(std::move(r.stream));
    }
    to_->send(std::move(r));
  }

  context context_;
  feed_request request_;
  bool gzip_;
  responder to_;
  std::shared_ptr<change_bell> bell_;
  steady::time_point until_;
  boost::asio::basic_waitable_timer<steady, boost::asio::wait_traits<steady>,
                                    boost::asio::io_context::executor_type>
      timer_;
};

result<feed_request> parse_feed(const context& c, const request& r) {
  if (auto known = r.where.expect({"since", "follow", "model"}); !known)
    return known.err();
  feed_request out;
  auto follow = r.where.flag("follow");
  if (!follow)
    return follow.err();
  out.follow = *follow;
  out.events = r.events;
  out.model = r.where.get("model").value_or("");
  // A browser that comes back repeats its first address, and says here how far it had come.
  out.since_text = r.last_event_id.empty() || !r.events ? r.where.get("since").value_or("")
                                                        : std::string_view(r.last_event_id);
  if (!out.since_text.empty()) {
    auto token = parse_token(out.since_text);
    if (!token)
      return error{ec::bad_request,
                   "parameter since is no token of this program: " + token.err().message};
    out.since = std::move(*token);
  }
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return l.err();
  out.library = r.args[0];
  out.from = std::move(*l);
  return out;
}

} // namespace

void read_changes(const context& c, request r, responder to) {
  auto feed = parse_feed(c, r);
  if (!feed)
    return to->send(error_reply(feed.err()));
  if (feed->follow) {
    if (c.feeds->open >= c.feeds->max)
      return to->send(error_reply(429, "too_many",
                                  "this node has " + std::to_string(c.feeds->max)
                                      + " followers, as many as it may; ask another node"));
    ++c.feeds->open; // on this thread alone; a place may be given back on another
    feed->place = std::shared_ptr<void>(c.feeds.get(), [feeds = c.feeds](void*) { --feeds->open; });
  }
  auto opening = std::make_shared<feed_opening>(c, std::move(*feed), r.gzip, std::move(to));
  c.work->post([opening] { opening->look(); });
}

} // namespace shoal::api
