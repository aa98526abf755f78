// watch: changes as they come, for as long as someone reads them.

#include "cli/client/commands.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>
#include <thread>

namespace shoal::cli {

namespace {

constexpr std::chrono::milliseconds retry_initial{200};
constexpr std::chrono::milliseconds retry_max{5000};

struct watch_words {
  std::string library;
  std::string since;
  std::string model;
};

/// One run of `watch`.
class watcher {
public:
  watcher(context& ctx, watch_words words)
      : ctx_(ctx), words_(std::move(words)), token_(words_.since) {}

  void run() {
    auto pause = retry_initial;
    while (!ended_) {
      const auto told = told_;
      once();
      if (ended_)
        return;
      pause = told_ > told ? retry_initial : std::min(2 * pause, retry_max);
      std::this_thread::sleep_for(pause);
    }
  }

private:
  /// One connection, to its end.
  void once() {
    // Located anew each time: a node that was restarted may have another port.
    const auto where = locate_node(ctx_.choice);
    auto node = where ? node_client::open(where->url, where->token)
                      : result<std::unique_ptr<node_client>>(where.err());
    if (!node)
      return lost(node.err());
    auto path = library_path(words_.library, {"changes"}) + "?follow=1";
    if (!token_.empty())
      path += "&since=" + encode_segment(token_);
    if (!words_.model.empty())
      path += "&model=" + encode_segment(words_.model);
    line_.clear();
    const auto got = (*node)->stream(path, [this](std::string_view piece) { return take(piece); });
    if (ended_)
      return;
    if (!got)
      return lost(got.err());
    const bool later = got->status == 503 || got->status == 429;
    if (!got->ok() && (!later || !reached_))
      return end(exit_no, got->problem());
    reached_ = true;
    say_once(got->ok() ? "the node ended the stream" : got->problem());
  }

  /// Passes whole lines on; false ends the transfer.
  bool take(std::string_view piece) {
    reached_ = true;
    said_ = false;
    while (!piece.empty() && !ended_) {
      const auto end = piece.find('\n');
      line_ += piece.substr(0, end);
      if (end == std::string_view::npos)
        break;
      piece.remove_prefix(end + 1);
      show();
      line_.clear();
    }
    ctx_.out.flush();
    if (!ctx_.out) // a closed pipe
      ended_ = true;
    return !ended_;
  }

  void show() {
    // Short lines alone can be more than a record.
    if (line_.starts_with("{\"token\":") || line_.starts_with("{\"error\":")) {
      const auto parsed = json::parse(line_, nullptr, false);
      if (parsed.is_object() && parsed.contains("error")) {
        if (string_at(parsed["error"], "code") == "token_expired")
          end(exit_no, "token_expired: " + string_at(parsed["error"], "message"));
        return;
      }
      if (parsed.is_object())
        token_ = string_at(parsed, "token");
    }
    ctx_.out << line_ << '\n';
    ++told_;
  }

  void lost(const error& why) {
    if (!reached_ || why.code != ec::unavailable) {
      ended_ = true;
      return ctx_.fail(why);
    }
    say_once(why.message);
  }

  void say_once(const std::string& why) {
    if (!std::exchange(said_, true))
      ctx_.err << "shoal: " << why << "; trying again until it is back" << std::endl;
  }

  void end(int code, const std::string& why) {
    ended_ = true;
    ctx_.fail(code, why);
  }

  context& ctx_;
  watch_words words_;
  std::string token_; // goes on from here
  std::string line_;  // the part that has come
  uint64_t told_ = 0;
  bool reached_ = false; // a node has answered
  bool said_ = false;    // since the last piece
  bool ended_ = false;
};

} // namespace

void add_watch_command(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<watch_words>();
  auto* watch = app.add_subcommand("watch", "Changes of records as NDJSON, as they come");
  watch->add_option("LIB", words->library, "the library's name or id")->required();
  watch
      ->add_option("--since", words->since,
                   "a token of a write or of a line; default: all records, then changes")
      ->type_name("TOKEN");
  watch->add_option("--model", words->model, "only records of this model")->type_name("MODEL");
  watch->callback([&ctx, words] { watcher(ctx, *words).run(); });
}

} // namespace shoal::cli
