#pragma once
// The text of an import, read twice and here and there: a file, or what came over standard input.

#include "messages/error.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>

namespace shoal::cli {

class import_source {
public:
  /// A file, or a pipe by name; ec::bad_request when it cannot be read or is a folder.
  static result<import_source> open(const std::string& file);
  /// Copies the stream into an unnamed temporary file, to its end. ec::disk when that has no room.
  static result<import_source> spool(std::istream& from);

  import_source(import_source&& other) noexcept;
  import_source(const import_source&) = delete;
  import_source& operator=(const import_source&) = delete;
  ~import_source();

  uint64_t bytes() const { return bytes_; }
  /// Starts over.
  void rewind();
  /// The next line, without its end; false at the end or after a failure.
  bool next(std::string& line);
  /// Where the line that `next` gave begins.
  uint64_t offset() const { return line_begin_; }
  /// Reading has failed; then `next` ended early.
  bool failed() const { return failed_; }
  /// The line that begins at `offset`; does not move `next`.
  std::string line_at(uint64_t offset);

private:
  import_source(int fd, uint64_t bytes) : fd_(fd), bytes_(bytes) {}
  /// Reads into `into`, which keeps what it has; false at the end.
  bool read_more(std::string& into, uint64_t from, size_t amount);

  int fd_ = -1;
  uint64_t bytes_ = 0;
  std::string buffer_; // read and not given yet
  size_t used_ = 0;    // of it
  uint64_t read_to_ = 0;
  uint64_t line_begin_ = 0;
  bool failed_ = false;
};

} // namespace shoal::cli
