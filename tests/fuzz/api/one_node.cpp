#include "tests/fuzz/api/one_node.hpp"

#include "store/models/declared.hpp"
#include "tests/fuzz/require.hpp"

#include <set>

namespace shoal::fuzz {
namespace {

using boost::beast::http::verb;

template <class Id>
Id id_of(uint8_t n) {
  Id out;
  out.bytes.fill(n);
  return out;
}

/// The built-in models, and one that has every merge rule there is.
std::shared_ptr<const models::registry> make_models() {
  config::model_options album;
  album.name = "album";
  album.cls = "shared";
  const auto field = [&](std::string name, std::string type, std::string merge) {
    config::field_options f;
    f.name = std::move(name);
    f.type = std::move(type);
    f.merge = std::move(merge);
    album.fields.push_back(std::move(f));
  };
  field("title", "string", "lww");
  field("rating", "float", "lww");
  field("shown", "boolean", "lww");
  field("when", "time", "lww");
  field("labels", "string", "set");
  field("plays", "integer", "counter");
  field("notes", "json", "map");
  field("here", "string", "lww");
  album.fields.front().required = true;
  album.fields.back().local = true;
  auto made = models::make_registry({album});
  require(made.ok(), "the target's own models are sound",
          made ? std::string() : made.err().message);
  return std::make_shared<const models::registry>(std::move(*made));
}

class kept_answer final : public api::answer {
public:
  void send(api::reply r) override {
    require(!got, "a request is answered once");
    got = std::move(r);
  }
  std::optional<api::reply> got;
};

/// INTERFACE.md's codes, but for those that answers never have.
bool is_code(std::string_view text, unsigned status) {
  for (int n = 0; n <= static_cast<int>(ec::config); ++n)
    if (const auto code = static_cast<ec>(n); to_string(code) == text)
      return api::http_status(code) == status || status == 405;
  return false;
}

void check(const api::reply& r, std::string_view target) {
  require(api::reason_phrase(r.status) != "Status", "the status is one the API has", target);
  if (r.content_type != "application/json") {
    require(r.status == 200, "an error is JSON", r.body);
    return;
  }
  const auto body = nlohmann::json::parse(r.body, nullptr, false);
  require(!body.is_discarded(), "an answer is JSON", r.body);
  if (r.status == 200)
    return;
  if (r.status == 408 && body.contains("missing"))
    return; // `wait` whose time was over
  const auto e = body.find("error");
  require(e != body.end() && e->is_object() && e->size() == 2, "an error has its shape", r.body);
  const auto& code = (*e)["code"];
  const auto& text = (*e)["message"];
  require(code.is_string() && is_code(code.get<std::string>(), r.status),
          "an error's code is one that has this status", r.body);
  require(text.is_string() && text.get<std::string>().size() > 10, "an error says what is wrong",
          r.body);
}

} // namespace

one_library::one_library(library_id id, device_id self) : id_(id), self_(self) {
  replica_options how;
  how.fresh_epoch = 7;
  auto opened = replica::open(store_, self, how);
  require(opened.ok(), "an empty store opens");
  data_ = std::move(*opened);
  member_set members;
  members[self] = {};
  members[id_of<device_id>(0xbb)] = {};
  merge(std::move(members), [](const ::shoal::status&) {});
}

template <class T, class Work>
void one_library::in_one_commit(const api::callback<T>& done, Work work) {
  kv_transaction txn(store_);
  auto answer = work(txn);
  if (!txn.empty()) {
    data_->seal(txn);
    require(store_.commit(txn.take()).ok(), "memory takes every batch");
  }
  done(std::move(answer));
}

void one_library::merge(member_set change, const api::callback<nothing>& done) {
  in_one_commit(done, [&](kv_transaction& txn) -> ::shoal::status {
    auto merged = data_->merge_members(txn, change);
    return merged ? success() : ::shoal::status(merged.err());
  });
}

api::library_status one_library::status() const {
  api::library_status out;
  out.id = id_;
  out.name = name();
  out.state = "ready";
  out.converged = true;
  out.held = data_->held();
  out.digest = to_string(data_->summary().digest);
  return out;
}

void one_library::write(std::vector<edit> edits, std::optional<api::idempotency> once,
                        api::callback<api::write_answer> done) {
  in_one_commit(done, [&](kv_transaction& txn) -> result<api::write_answer> {
    auto made =
        data_->commit(txn, edits, ++wall_ms_,
                      once ? std::optional(once_key{once->key, once->request_hash}) : std::nullopt);
    if (!made)
      return made.err();
    return api::write_answer{to_token(folded_now()), std::move(made->results)};
  });
}

void one_library::wait(frontier, std::vector<device_id> devices, size_t, uint64_t,
                       api::callback<api::wait_answer> done) {
  done(api::wait_answer{{}, std::move(devices)});
}

void one_library::add_member(device_id device, std::string address, std::string name, bool,
                             api::callback<nothing> done) {
  member_set change;
  change[device].address = std::move(address);
  change[device].name = std::move(name);
  change[device].revision = ++wall_ms_;
  merge(std::move(change), done);
}

void one_library::remove_member(device_id device, bool purge, api::callback<nothing> done) {
  auto change = members();
  change[device].removed = true;
  change[device].purge = purge;
  merge(std::move(change), done);
}

void one_library::verify(bool, api::callback<api::verify_answer> done) {
  done(api::verify_answer{});
}

void one_library::retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) {
  in_one_commit(done, [&](kv_transaction& txn) -> result<api::retry_answer> {
    if (!which)
      return api::retry_answer{};
    auto merged = data_->retry(txn, *which, wall_ms_);
    if (!merged)
      return merged.err();
    return api::retry_answer{1, *merged ? 1U : 0U, false};
  });
}

void one_library::release_held(dot which, api::callback<api::release_answer> done) {
  in_one_commit(done, [&](kv_transaction& txn) -> result<api::release_answer> {
    auto made = data_->recommit(txn, which, ++wall_ms_);
    if (!made)
      return made.err();
    return api::release_answer{{to_token(folded_now()), std::move(made->made.results)},
                               made->ops,
                               std::move(made->left_out)};
  });
}

void one_library::hide_held(dot which, api::callback<nothing> done) {
  in_one_commit(done, [&](kv_transaction& txn) { return data_->hide(txn, which); });
}

one_node::one_node()
    : self_(id_of<device_id>(0xaa)),
      photos_(std::make_shared<one_library>(id_of<library_id>(0x11), self_)) {
  // Not started: their jobs run when `ask` runs them. Made once: each costs several descriptors.
  static const auto io = std::make_shared<api::loop>();
  static const auto work = std::make_shared<api::loop>();
  context_ = {this, io, work};
}

std::shared_ptr<const models::registry> one_node::models() const {
  static const auto all = make_models();
  return all;
}

api::reply one_node::ask(verb method, std::string_view target, std::string body, std::string key) {
  api::request r;
  r.method = method;
  r.body = std::move(body);
  r.idempotency_key = std::move(key);
  auto where = api::parse_target(target);
  if (!where) {
    auto refused = api::error_reply(where.err());
    check(refused, target);
    return refused;
  }
  r.where = std::move(*where);
  auto to = std::make_shared<kept_answer>();
  api::serve(context_, std::move(r), to);
  for (bool busy = true; busy;) {
    busy = false;
    for (auto* l : {context_.io.get(), context_.work.get()}) {
      l->io().restart();
      busy |= l->io().poll() > 0;
    }
  }
  require(to->got.has_value(), "a request is answered", target);
  if (auto source = std::move(to->got->stream))
    for (bool more = true; more;) {
      const auto made = source->produce(to->got->body);
      require(made.ok(), "a sound store is exported whole");
      more = *made;
    }
  check(*to->got, target);
  return std::move(*to->got);
}

void one_node::create_library(std::string, api::callback<std::shared_ptr<api::library>> done) {
  done(std::static_pointer_cast<api::library>(photos_));
}
void one_node::join_library(api::join_request what,
                            api::callback<std::shared_ptr<api::library>> done) {
  require(!what.id.is_nil() && !what.via.is_nil() && !what.address.empty() && !what.name.empty(),
          "a join says what, whom and where");
  done(std::static_pointer_cast<api::library>(photos_));
}
void one_node::leave_library(const library_id&, api::leave_request,
                             api::callback<std::string> done) {
  done(std::string("/aside"));
}
void one_node::rebuild_library(const library_id&, api::callback<std::string> done) {
  done(std::string());
}
void one_node::pause_library(const library_id&, bool, api::callback<std::string> done) {
  done(std::string());
}
void one_node::set_log_level(const std::string&, api::callback<nothing> done) { done(success()); }

std::string escaped(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
        || c == '_')
      out += c;
    else
      out += {'%', hex[byte >> 4], hex[byte & 15]};
  }
  return out;
}

} // namespace shoal::fuzz
