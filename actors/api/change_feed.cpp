#include "actors/api/change_feed.hpp"

#include "store/models/json.hpp"

namespace shoal::api {

namespace {

using namespace std::chrono_literals;

constexpr size_t piece_bytes = size_t{64} << 10;
constexpr auto piece_time = 5ms;
constexpr size_t token_lines = 1000;
constexpr auto token_time = 1s;
// Between two looks at the store, so that a busy one is not read for each of its writes.
constexpr auto pace = 25ms;
// A sign of life when nothing changes; a client that is gone is noticed by it at the latest.
constexpr auto idle_token = 15s;
// Of a view, which keeps the store from dropping what was overwritten since,
constexpr auto view_age_max = 10min; // when marks went meanwhile that have not been told

error expired(const std::string& why) {
  return {ec::gone, why + "; begin anew without since, and keep only what that tells"};
}

std::string error_line(const error& e) {
  nlohmann::ordered_json inner;
  inner["code"] = e.code == ec::gone ? "token_expired" : to_string(e.code);
  inner["message"] = e.message;
  nlohmann::ordered_json outer;
  outer["error"] = std::move(inner);
  return text_of(outer);
}

} // namespace

result<feed_start> find_start(const kv_view& view, const feed_request& r) {
  feed_start out;
  auto bounds = read_change_bounds(view);
  if (!bounds)
    return bounds.err();
  out.bounds = std::move(*bounds);
  if (!r.since) {
    out.may = out.bounds.settled ? feed_start::what::go : feed_start::what::not_yet;
    return out;
  }
  auto told = unfold(r.since->told, out.bounds.held);
  if (!told.whole || out.bounds.comparing)
    return out;
  if (!covers(told.held, out.bounds.deletes_from) || !covers(told.held, out.bounds.rewritten)
      || r.since->purges != out.bounds.purges)
    out.may = feed_start::what::expired;
  else if (covers(out.bounds.held, told.held))
    out.may = feed_start::what::go;
  out.position = std::move(told.held);
  return out;
}

change_feed::change_feed(const context& c, feed_request r, feed_start start)
    : context_(c), request_(std::move(r)), bell_(request_.from->changes()),
      position_(std::move(start.position)), safe_(position_), bounds_(std::move(start.bounds)),
      anew_(!request_.since), token_(request_.since_text), token_at_(steady::now()),
      timer_(c.io->io()) {}

change_feed::~change_feed() { bell_->forget(this); }

void change_feed::put_line(std::string& out, std::string_view line) const {
  if (request_.events)
    out += "data: ";
  out += line;
  out += request_.events ? "\n\n" : "\n";
}

void change_feed::put_token(std::string& out) {
  // Unsettled, the frontier does not say what the records are: whoever comes back then is told
  // again from the last token that did.
  if (bounds_.settled)
    token_ = to_token(
        token_frontier(minimum(scan_ ? scan_->reached() : position_, bounds_.merged), bounds_),
        bounds_.purges);
  lines_ = 0;
  owes_token_ = false;
  greeted_ = true;
  token_at_ = steady::now();
  if (token_.empty())
    return;
  if (request_.events)
    out += "id: " + token_ + "\n";
  put_line(out, "{\"token\":\"" + token_ + "\"}");
}

bool change_feed::end_with(std::string& out, const error& why) {
  scan_.reset();
  if (request_.events)
    out += "event: error\n";
  put_line(out, error_line(why));
  return false;
}

result<bool> change_feed::begin() {
  seen_ = bell_->count();
  auto now = find_library(*context_.self, request_.library);
  if (!now || *now != request_.from)
    return error{ec::unavailable, "library " + request_.library + " was closed"};
  auto view = request_.from->snapshot();
  auto bounds = read_change_bounds(*view);
  if (!bounds)
    return bounds.err();
  if (bounds->rewrites != bounds_.rewrites)
    return expired("records of this node were repaired, or purged");
  if (bounds->comparing) {
    bounds_.settled = false;
    return false;
  }
  if (!anew_ && !covers(position_, bounds->deletes_from))
    return expired("deletes have been forgotten that this stream had not told");
  if (bounds->held_back != bounds_.held_back)
    position_ = safe_; // what was held may have been merged, below what is told
  bounds_ = std::move(*bounds);
  if (covers(position_, bounds_.held))
    return false;
  view_from_ = steady::now();
  scan_.emplace(std::move(view), position_, bounds_.held, request_.model);
  return true;
}

/// Goes on in a newer view, when the one in use is old.
status change_feed::refresh() {
  const auto age = steady::now() - view_from_;
  if (age < context_.feeds->view_age)
    return success();
  auto view = request_.from->snapshot();
  auto bounds = read_change_bounds(*view);
  if (!bounds)
    return bounds.err();
  if (bounds->comparing || bounds->rewrites != bounds_.rewrites)
    return success(); // the next look at the store sees to it
  if (bounds->deletes_from != bounds_.deletes_from
      && !covers(scan_->reached(), bounds->deletes_from))
    return age < view_age_max ? success()
                              : status(expired("the client takes so little that deletes were "
                                               "forgotten before they could be told"));
  view_from_ = steady::now();
  bounds_.settled = bounds_.settled && bounds->settled;
  bounds_.merged = minimum(bounds_.merged, bounds->merged);
  scan_->read_from(std::move(view), bounds->held);
  return success();
}

result<bool> change_feed::produce(std::string& out) {
  rests_ = false;
  produced_at_ = steady::now();
  const bool last = ending_;
  if (!scan_ && !last) {
    auto begun = begin();
    if (!begun && begun.err().code != ec::gone && begun.err().code != ec::unavailable)
      return begun.err();
    if (!begun)
      return end_with(out, begun.err());
    if (!*begun && bounds_.settled)
      anew_ = false;
  }
  if (scan_) {
    if (auto fresh = refresh(); !fresh)
      return end_with(out, fresh.err());
    const auto until = produced_at_ + piece_time;
    auto all = scan_->go_on(
        [&](const record_view& record) {
          const auto text = text_of(models::to_json(record));
          put_line(out,
                   (record.deleted ? "{\"op\":\"delete\"," : "{\"op\":\"put\",") + text.substr(1));
          ++lines_;
        },
        [&] {
          return out.size() >= piece_bytes || lines_ >= token_lines || steady::now() >= until;
        });
    if (!all)
      return all.err();
    if (!*all) {
      if (lines_ >= token_lines || (lines_ > 0 && steady::now() - token_at_ >= token_time))
        put_token(out);
      if (!last)
        return true;
    } else {
      position_ = scan_->reached();
      safe_ = minimum(position_, bounds_.merged);
      scan_.reset();
      anew_ = anew_ && !bounds_.settled;
      owes_token_ = true;
    }
  }
  const auto silent = steady::now() - token_at_;
  if (lines_ > 0 || last || !greeted_ || (owes_token_ && (!request_.follow || silent >= token_time))
      || silent >= idle_token)
    put_token(out);
  rests_ = true;
  return request_.follow && !last;
}

void change_feed::wait(std::function<void()> ready) {
  ready_ = std::move(ready);
  fire_after(owes_token_ ? token_time : idle_token);
  bell_->once(seen_, this, [weak = weak_from_this(), io = context_.io] {
    io->post([weak] {
      const auto self = weak.lock();
      if (!self || !self->ready_) // being read from
        return;
      const auto since = steady::now() - self->produced_at_;
      if (since >= pace)
        self->fire();
      else
        self->fire_after(pace - since);
    });
  });
}

void change_feed::fire_after(steady::duration pause) {
  timer_.expires_after(pause);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    if (const auto self = weak.lock(); self && !cancelled)
      self->fire();
  });
}

void change_feed::fire() {
  if (auto ready = std::exchange(ready_, nullptr)) {
    timer_.cancel();
    ready();
  }
}

bool change_feed::end_soon() {
  ending_ = true;
  return true;
}

} // namespace shoal::api
