#include "cli/client/import_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::cli {

namespace {

constexpr size_t read_bytes = size_t{1} << 20; // in file order
constexpr size_t line_bytes = size_t{4} << 10; // one line elsewhere: most are shorter

std::string reason() { return std::generic_category().message(errno); }

bool write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const auto done = ::write(fd, data, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    data += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

} // namespace

import_source::import_source(import_source&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_), buffer_(std::move(other.buffer_)),
      used_(other.used_), read_to_(other.read_to_), line_begin_(other.line_begin_),
      failed_(other.failed_) {}

import_source::~import_source() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<import_source> import_source::open(const std::string& file) {
  const std::string right = "; import reads a file of NDJSON, or standard input";
  struct stat about {};
  const bool there = ::stat(file.c_str(), &about) == 0;
  if (there && S_ISDIR(about.st_mode))
    return {ec::bad_request, file + " is a directory" + right};
  if (there && !S_ISREG(about.st_mode)) { // a pipe can be read but once
    std::ifstream in(file, std::ios::binary);
    return spool(in);
  }
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return {ec::bad_request, file + " cannot be read: " + reason() + right};
  return import_source(fd, static_cast<uint64_t>(about.st_size));
}

result<import_source> import_source::spool(std::istream& from) {
  std::error_code unknown;
  const auto folder = std::filesystem::temp_directory_path(unknown);
  std::string name = (folder / "shoal-import-XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0)
    return {ec::disk, folder.string() + ": no room for standard input: " + reason()
                          + "; give import a file, or set TMPDIR"};
  ::unlink(name.c_str());
  import_source out(fd, 0);
  std::string piece(read_bytes, '\0');
  while (from) {
    from.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<size_t>(from.gcount());
    if (!write_all(fd, piece.data(), got))
      return {ec::disk, folder.string() + ": no room for standard input: " + reason()
                            + "; give import a file, or set TMPDIR"};
    out.bytes_ += got;
  }
  if (from.bad())
    return {ec::bad_request, "reading standard input failed; nothing was written"};
  return out;
}

void import_source::rewind() {
  buffer_.clear();
  used_ = 0;
  read_to_ = line_begin_ = 0;
  failed_ = false;
}

bool import_source::read_more(std::string& into, uint64_t from, size_t amount) {
  const size_t had = into.size();
  into.resize(had + amount);
  ssize_t got = -1;
  do
    got = ::pread(fd_, into.data() + had, amount, static_cast<off_t>(from));
  while (got < 0 && errno == EINTR);
  failed_ |= got < 0;
  into.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

bool import_source::next(std::string& line) {
  size_t looked = used_;
  size_t end = std::string::npos;
  while ((end = buffer_.find('\n', looked)) == std::string::npos) {
    buffer_.erase(0, used_);
    used_ = 0;
    looked = buffer_.size();
    if (!read_more(buffer_, read_to_, read_bytes))
      break;
    read_to_ += buffer_.size() - looked;
  }
  line_begin_ = read_to_ - (buffer_.size() - used_);
  if (failed_ || (end == std::string::npos && buffer_.size() == used_))
    return false;
  line.assign(buffer_, used_, end == std::string::npos ? end : end - used_);
  used_ = end == std::string::npos ? buffer_.size() : end + 1;
  return true;
}

std::string import_source::line_at(uint64_t offset) {
  std::string line;
  size_t looked = 0;
  size_t end = std::string::npos;
  while ((end = line.find('\n', looked)) == std::string::npos) {
    looked = line.size();
    if (!read_more(line, offset + looked, line_bytes))
      break;
  }
  if (end != std::string::npos)
    line.resize(end);
  return line;
}

} // namespace shoal::cli
