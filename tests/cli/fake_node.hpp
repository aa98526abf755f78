#pragma once
// A node's HTTP API as INTERFACE.md describes it, over a map: what the client commands are tested
// against.

#include "cli/client/context.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace shoal::cli::tests {

/// A folder that is gone with the test.
class scratch_dir {
public:
  scratch_dir();
  ~scratch_dir();
  scratch_dir(const scratch_dir&) = delete;
  scratch_dir& operator=(const scratch_dir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Writes a file below it, with its folders.
  std::filesystem::path write(const std::string& name, const std::string& text) const;

private:
  std::filesystem::path path_;
};

class fake_node {
public:
  static constexpr const char* device = "11111111-1111-8111-8111-111111111111";
  static constexpr const char* token = "secret";

  fake_node();
  ~fake_node();
  fake_node(const fake_node&) = delete;
  fake_node& operator=(const fake_node&) = delete;

  std::string url() const;

  /// What was asked, as `METHOD TARGET BODY`, oldest first.
  std::vector<std::string> asked();
  void forget_asked();
  /// Live records of a model, id → fields.
  std::map<std::string, json> records(const std::string& model);
  /// The sizes of the batches that were taken.
  std::vector<size_t> batches();
  /// Answers this instead of its own, for the next requests whose target begins with `target`.
  void answer(const std::string& target, int status, const json& body);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

/// One finished command line.
struct outcome {
  int code = 0;
  std::string out;
  std::string err;
  json body() const { return json::parse(out); }
};

/// Runs a command line with `input` on stdin, not on a terminal unless said.
outcome run(std::vector<std::string> words, const std::string& input = {}, bool terminal = false);
/// The same, talking to `node`, in the library `photos`.
outcome run_at(const fake_node& node, const scratch_dir& scratch, std::vector<std::string> words,
               const std::string& input = {}, bool terminal = false);

} // namespace shoal::cli::tests
