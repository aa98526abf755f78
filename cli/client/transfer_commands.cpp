// import and export.

#include "cli/client/commands.hpp"
#include "cli/client/import_lines.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/progress.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <fstream>
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
  importer(context& ctx, node_client& node, const std::string& library, uint64_t bytes)
      : ctx_(ctx), node_(node), path_(library_path(library, {"batch"})),
        bar_(ctx, "import", bytes) {}

  void run(std::istream& from, bool atomic) {
    std::string line;
    while (!ended_ && std::getline(from, line)) {
      ++lines_;
      bytes_ += line.size() + 1;
      bar_.at(bytes_, lines_);
      if (line.find_first_not_of(" \t\r") == std::string::npos)
        continue;
      auto op = op_of_line(line);
      if (!op) {
        skip(lines_, op.err().message);
        continue;
      }
      held_bytes_ += op->size();
      held_.push_back({lines_, std::move(*op)});
      if (atomic && held_.size() > atomic_lines_max)
        return stop(exit_no, "too_big: --atomic writes one batch, and a batch has at most "
                                 + std::to_string(atomic_lines_max)
                                 + " lines; nothing was written");
      if (!atomic && (held_.size() >= group_lines || held_bytes_ >= group_bytes))
        flush();
    }
    if (ended_)
      return;
    if (from.bad())
      return stop(exit_no, "reading line " + std::to_string(lines_ + 1)
                               + " failed; the lines before it "
                               + (atomic ? "were not written" : "are written"));
    if (atomic)
      flush_atomic();
    else
      flush();
    bar_.wipe();
    if (!ended_)
      print_object(ctx_, json{{"lines", lines_}, {"written", written_}, {"skipped", skipped_}});
  }

private:
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
      return stop(exit_no, outcome.problem + "; nothing was written");
    ended_ = outcome.how == verdict::broken;
  }

  context& ctx_;
  node_client& node_;
  std::string path_;
  progress_bar bar_;
  std::vector<numbered_op> held_; // read and not yet sent
  size_t held_bytes_ = 0;
  uint64_t lines_ = 0;
  uint64_t bytes_ = 0;
  uint64_t written_ = 0;
  uint64_t skipped_ = 0;
  bool ended_ = false; // with an error that has been told
};

void import(context& ctx, const import_words& words) {
  const bool from_stdin = words.file.empty() || words.file == "-";
  std::ifstream file;
  uint64_t bytes = 0;
  if (!from_stdin) {
    std::error_code failed;
    if (std::filesystem::is_directory(words.file, failed))
      return ctx.fail(exit_usage, words.file + " is a directory; import reads a file of NDJSON");
    file.open(words.file, std::ios::binary);
    if (!file)
      return ctx.fail(exit_usage,
                      words.file
                          + " cannot be read; import reads a file of NDJSON, or standard input");
    const auto size = std::filesystem::file_size(words.file, failed);
    bytes = failed ? 0 : size;
  }
  auto* node = ctx.node();
  if (!node)
    return;
  importer(ctx, *node, words.library, bytes).run(from_stdin ? ctx.in : file, words.atomic);
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
