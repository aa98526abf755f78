// import and export.

#include "cli/client/commands.hpp"
#include "cli/client/import_lines.hpp"
#include "cli/client/import_source.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/progress.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace shoal::cli {

namespace {

/// Lines per request: enough that a request costs little per line, few enough that a bad line is
/// found with few more requests.
constexpr size_t group_lines = 500;
/// And bytes: the node takes 4 MiB encoded, and JSON is longer than its encoding.
constexpr size_t group_bytes = size_t{2} << 20;
/// What the node takes as one atomic batch.
constexpr size_t atomic_lines_max = 10'000;

struct import_words {
  std::string library;
  std::string file;
  bool atomic = false;
};

/// One run of `import`.
class importer {
public:
  importer(context& ctx, node_client& node, const std::string& library, import_models models,
           import_source from)
      : ctx_(ctx), node_(node), path_(library_path(library, {"batch"})), models_(std::move(models)),
        from_(std::move(from)), bar_(ctx, "import", 2 * from_.bytes()) {}

  void run(bool atomic) {
    atomic_ = atomic;
    survey();
    std::string line;
    for (lines_ = 0; !ended_ && from_.next(line);) {
      ++lines_;
      bar_.at(from_.bytes() + from_.offset(), lines_);
      if (line.find_first_not_of(" \t\r") == std::string::npos)
        continue;
      auto op = op_of_line(line, models_);
      if (!op)
        skip(lines_, std::string(to_string(op.err().code)) + ": " + op.err().message);
      else if (op->text.empty())
        ++left_out_;
      else if (op->ordered)
        in_order({lines_, from_.offset()}, *op);
      else
        add({lines_, std::move(op->text)});
    }
    if (!ended_ && from_.failed())
      return stop(exit_no, "reading line " + std::to_string(lines_ + 1)
                               + " failed; the lines before it "
                               + (atomic ? "were not written" : "are written"));
    for (const auto& place : order_.rest())
      add_from(place);
    if (ended_)
      return;
    if (atomic)
      flush_atomic();
    else
      flush();
    bar_.wipe();
    if (ended_)
      return;
    json said{{"lines", lines_}, {"written", written_}, {"skipped", skipped_}};
    if (left_out_ > 0) // device records of an export: each node makes its own
      said["left_out"] = left_out_;
    print_object(ctx_, said);
  }

private:
  /// The first pass: which lines there are to wait for.
  void survey() {
    for (std::string line; from_.next(line);) {
      bar_.at(from_.offset(), ++lines_);
      if (const auto op = op_of_line(line, models_); op && op->ordered)
        order_.survey(op->keys);
    }
    order_.end_survey();
    from_.rewind();
  }

  void in_order(const line_place& place, const import_op& op) {
    turns_.clear();
    order_.take(place, op.keys, turns_);
    for (const auto& turn : turns_)
      if (turn.number == place.number)
        add({place.number, op.text});
      else
        add_from(turn);
  }

  /// A line that had to wait. It was read before, so it is one.
  void add_from(const line_place& place) {
    if (auto op = op_of_line(from_.line_at(place.offset), models_))
      add({place.number, std::move(op->text)});
    else
      skip(place.number, op.err().message);
  }

  void add(numbered_op op) {
    if (ended_)
      return;
    held_bytes_ += op.text.size();
    held_.push_back(std::move(op));
    if (atomic_ && held_.size() > atomic_lines_max)
      return stop(exit_no, "too_big: --atomic writes one batch, and a batch has at most "
                               + std::to_string(atomic_lines_max) + " lines; nothing was written");
    if (!atomic_ && (held_.size() >= group_lines || held_bytes_ >= group_bytes))
      flush();
  }

  void stop(int code, const std::string& why) {
    bar_.wipe();
    ctx_.fail(code, why);
    ended_ = true;
  }

  void skip(uint64_t line, const std::string& problem) {
    bar_.wipe();
    ctx_.err << "line " << line << ": " << problem << '\n';
    ctx_.exit_code = exit_no;
    ++skipped_;
  }

  batch_outcome send(const std::string& body, size_t ops) {
    const auto got = node_.send("POST", path_, body);
    if (!got) {
      bar_.wipe();
      ctx_.fail(got.err());
      return {verdict::broken, got.err().message};
    }
    if (got->ok()) {
      written_ += ops;
      return {verdict::taken, {}};
    }
    const int s = got->status;
    // 404 is an unknown model or a missing record of one line, unless it is the library itself.
    const bool of_a_line = s == 400 || s == 403 || s == 409 || s == 413 || s == 422
                           || (s == 404 && got->code() != "unknown_library");
    if (!of_a_line) {
      bar_.wipe();
      ctx_.fail(exit_no, got->problem());
    }
    return {of_a_line ? verdict::refused : verdict::broken, got->problem()};
  }

  void flush() {
    const auto outcome = send_around_bad_ones(
        held_, [this](const std::string& body, size_t ops) { return send(body, ops); },
        [this](const numbered_op& op, const std::string& problem) { skip(op.line, problem); });
    if (outcome.how == verdict::broken) {
      ctx_.err << written_ << " lines before it are written\n";
      ended_ = true;
    }
    held_.clear();
    held_bytes_ = 0;
  }

  void flush_atomic() {
    if (skipped_ > 0)
      return stop(exit_no,
                  "bad_request: " + std::to_string(skipped_) + " bad lines; nothing was written");
    if (held_.empty())
      return;
    const auto outcome = send(batch_body(held_, 0, held_.size()), held_.size());
    if (outcome.how == verdict::refused)
      return stop(exit_no, problem_of(outcome) + "; nothing was written");
    ended_ = outcome.how == verdict::broken;
  }

  /// By line, where the node says which op of the batch it means.
  std::string problem_of(const batch_outcome& outcome) const {
    std::string text = outcome.problem;
    const auto index = take_op_index(text);
    return index && *index < held_.size()
               ? "line " + std::to_string(held_[*index].line) + ": " + text
               : text;
  }

  context& ctx_;
  node_client& node_;
  std::string path_;
  import_models models_;
  import_source from_;
  progress_bar bar_;
  import_order order_;
  std::vector<line_place> turns_;
  bool atomic_ = false;
  std::vector<numbered_op> held_; // read and not yet sent
  size_t held_bytes_ = 0;
  uint64_t lines_ = 0;
  uint64_t written_ = 0;
  uint64_t skipped_ = 0;
  uint64_t left_out_ = 0;
  bool ended_ = false; // with an error that has been told
};

void import(context& ctx, const import_words& words) {
  const bool from_stdin = words.file.empty() || words.file == "-";
  auto source = from_stdin ? import_source::spool(ctx.in) : import_source::open(words.file);
  if (!source)
    return ctx.fail(source.err().code == ec::disk ? exit_no : exit_usage, source.err().message);
  auto* node = ctx.node();
  if (!node)
    return;
  const auto models = ctx.get("/v1/models");
  if (!models)
    return;
  importer(ctx, *node, words.library, import_models::of(*models), std::move(*source))
      .run(words.atomic);
}

void export_all(context& ctx, const std::string& library) {
  auto* node = ctx.node();
  if (!node)
    return;
  const auto got = node->stream(library_path(library, {"export"}), [&ctx](std::string_view piece) {
    ctx.out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return ctx.out.good(); // a closed pipe ends the transfer
  });
  if (!got)
    ctx.fail(got.err());
  else if (!got->ok())
    ctx.fail(exit_no, got->problem());
}

} // namespace

void add_transfer_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<import_words>();
  auto* in = app.add_subcommand("import", "Write records from NDJSON, each line on its own");
  in->add_option("LIB", words->library, "the library's name or id")->required();
  in->add_option("FILE", words->file,
                 "lines of {\"model\",\"id\",\"fields\"} or {\"model\",\"id\",\"delete\":true};"
                 " default: standard input");
  in->add_flag("--atomic", words->atomic, "all lines or none");
  in->callback([&ctx, words] { import(ctx, *words); });

  auto* out = app.add_subcommand("export", "Every live record as NDJSON, ordered by model and id");
  out->add_option("LIB", words->library, "the library's name or id")->required();
  out->callback([&ctx, words] { export_all(ctx, words->library); });
}

} // namespace shoal::cli
