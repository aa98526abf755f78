#pragma once
// The nodes of a bench: real processes in a temporary folder, which is removed with the object
// after every node in it was stopped.

#include "cli/bench/http_pipe.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <vector>

namespace shoal::cli::bench {

/// A new folder below `wanted`; empty: below the first of /var/tmp and the working directory that
/// is on a disk. Memory that calls itself a file system would make fdatasync free.
result<std::filesystem::path> make_scratch(const std::string& wanted);
/// True for tmpfs and ramfs.
bool is_memory(const std::filesystem::path& folder);

/// Removes its folder.
class scratch_folder {
public:
  explicit scratch_folder(std::filesystem::path at) : at_(std::move(at)) {}
  scratch_folder(const scratch_folder&) = delete;
  ~scratch_folder();
  const std::filesystem::path& path() const { return at_; }

private:
  std::filesystem::path at_;
};

/// N members of one library "lab", in a mesh. None of them runs at first.
class bench_lab {
public:
  static result<std::unique_ptr<bench_lab>> make(const std::filesystem::path& scratch,
                                                 size_t nodes);
  bench_lab(const bench_lab&) = delete;
  ~bench_lab();

  /// Starts nodes [from, to), counted from 0, and waits until they accept work.
  status start(size_t from, size_t to);
  /// Starts one and returns at once.
  status launch(size_t n);
  /// True once the node that was launched accepts work.
  bool accepts(size_t n);
  /// SIGTERM, and waits for its end.
  status stop(size_t n);

  std::filesystem::path folder(size_t n) const;
  size_t size() const { return nodes_; }
  result<http_pipe> pipe(size_t n) const;
  /// Waits until so many peers hold durably what node `n` holds now.
  status await_peers(size_t n, size_t peers) const;
  /// Writes `records` records through node `n`, in batches over one connection.
  status fill(size_t n, const std::string& model, uint64_t records, uint64_t seed) const;
  /// Of a metric of node `n`, over all its series.
  result<double> metric(size_t n, std::string_view name) const;
  /// Resident memory now and at its highest, in MiB.
  double memory_mib(size_t n, const std::string& line = "VmRSS") const;
  /// What the files of the library's store take, in bytes.
  uint64_t store_bytes(size_t n) const;
  /// {"digest","frontiers","settled"}
  result<json> digest(size_t n) const;

private:
  bench_lab(std::filesystem::path dir, size_t nodes) : dir_(std::move(dir)), nodes_(nodes) {}
  std::filesystem::path dir_;
  size_t nodes_;
  std::map<size_t, pid_t> children_; // not reaped yet
  std::map<size_t, endpoints> ends_; // of those that accept work
};

/// The path of the lab's library, and what follows it.
inline std::string lab_path(const std::string& rest) { return "/v1/libraries/lab" + rest; }

} // namespace shoal::cli::bench
