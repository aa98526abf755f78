#pragma once
// The floor: the least that any program must do for what a bench measures, on the same machine in
// the same run. Plain programs (children of this one) over TCP sockets on loopback, with the same
// number of fdatasyncs and the same 200 bytes a record, and nothing else: no TLS, no HTTP, no
// database, no merge.

#include "cli/bench/load.hpp"
#include "cli/bench/sockets.hpp"

#include <filesystem>
#include <memory>
#include <sys/types.h>
#include <vector>

namespace shoal::cli::bench {

/// A child of this process that runs `work` and ends. Killed with its object, and by the kernel
/// when this process ends.
class child_program {
public:
  template <class Work>
  static result<std::unique_ptr<child_program>> run(Work work) {
    return start([](void* of) { (*static_cast<Work*>(of))(); }, &work);
  }
  child_program(const child_program&) = delete;
  ~child_program();

private:
  explicit child_program(pid_t pid) : pid_(pid) {}
  static result<std::unique_ptr<child_program>> start(void (*work)(void*), void* of);
  pid_t pid_;
};

/// Appends to a file and syncs it.
class synced_file {
public:
  explicit synced_file(const std::filesystem::path& at);
  synced_file(const synced_file&) = delete;
  ~synced_file();
  status append(std::string_view bytes);

private:
  int fd_;
};

/// An origin (the caller) and so many peers, each a process with a file of its own.
class floor_mesh {
public:
  static result<std::unique_ptr<floor_mesh>> start(const std::filesystem::path& folder,
                                                   size_t peers);
  floor_mesh(const floor_mesh&) = delete;
  ~floor_mesh();
  /// Appends and syncs here.
  status commit(std::string_view bytes) { return file_.append(bytes); }
  /// Sends to all peers.
  status offer(std::string_view bytes);
  /// Waits until at most so many of the acknowledgements that all peers owe are missing.
  status await_acks(size_t missing);

private:
  explicit floor_mesh(const std::filesystem::path& file) : file_(file) {}
  synced_file file_;
  std::vector<std::unique_ptr<child_program>> peers_;
  std::vector<int> sockets_;
  size_t owed_ = 0;
};

/// So many clients write one record at a time to one process that gathers what has come, appends
/// it, syncs once, and answers all: group commit and nothing else.
result<load_figures> floor_load(const std::filesystem::path& folder, size_t clients, double seconds,
                                uint64_t most);

/// Seconds until a process has received so many records over a connection and made them durable: in
/// a plain file, synced every MiB; and as sorted RocksDB table files that are taken into a
/// database.
result<double> floor_stream(const std::filesystem::path& folder, uint64_t records);
result<double> floor_tables(const std::filesystem::path& folder, uint64_t records);

} // namespace shoal::cli::bench
