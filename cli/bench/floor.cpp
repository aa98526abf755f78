#include "cli/bench/floor.hpp"

#include "cli/bench/interrupt.hpp"
#include "cli/bench/record_maker.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoal::cli::bench {

// ---- processes and files

result<std::unique_ptr<child_program>> child_program::start(void (*work)(void*), void* of) {
  const pid_t parent = getpid();
  const pid_t pid = fork(); // this program has one thread
  if (pid < 0)
    return error{ec::unavailable, std::string("cannot start a process: ") + std::strerror(errno)};
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
      work(of);
    _exit(0);
  }
  return std::unique_ptr<child_program>(new child_program(pid));
}

child_program::~child_program() {
  kill(pid_, SIGKILL); // not reaped yet: the pid is still its own
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

synced_file::synced_file(const std::filesystem::path& at)
    : fd_(open(at.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}

synced_file::~synced_file() {
  if (fd_ >= 0)
    close(fd_);
}

status synced_file::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto wrote = write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return error{ec::disk, std::string("the floor's file: ") + std::strerror(errno)};
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  if (fdatasync(fd_) != 0)
    return error{ec::disk, std::string("the floor's file: ") + std::strerror(errno)};
  return success();
}

namespace {

/// Frames are their length, 4 bytes as this machine has them, and so many bytes.
status receive_frame(int socket, std::string& into) {
  uint32_t size = 0;
  if (auto got = receive_all(socket, reinterpret_cast<char*>(&size), sizeof size); !got)
    return got;
  into.resize(size);
  return receive_all(socket, into.data(), size);
}

std::string framed(std::string_view bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  std::string out(sizeof size, '\0');
  std::memcpy(out.data(), &size, sizeof size);
  return out.append(bytes);
}

/// A peer: what comes is durable before it is acknowledged.
void run_peer(uint16_t port, const std::filesystem::path& file) {
  const auto socket = connect_to(port);
  if (!socket)
    return;
  synced_file to(file);
  std::string frame;
  while (receive_frame(*socket, frame) && to.append(frame) && send_all(*socket, "k")) {
  }
}

} // namespace

// ---- one origin, many peers

result<std::unique_ptr<floor_mesh>> floor_mesh::start(const std::filesystem::path& folder,
                                                      size_t peers) {
  auto out = std::unique_ptr<floor_mesh>(new floor_mesh(folder / "floor-origin"));
  const auto door = listen_here();
  if (!door)
    return door.err();
  const auto closing = [&](error why) -> result<std::unique_ptr<floor_mesh>> {
    close(door->socket);
    return why;
  };
  for (size_t n = 0; n < peers; ++n) {
    auto child = child_program::run(
        [&] { run_peer(door->port, folder / ("floor-peer-" + std::to_string(n))); });
    if (!child)
      return closing(child.err());
    out->peers_.push_back(std::move(*child));
    if (auto there = await_readable(door->socket,
                                    std::chrono::steady_clock::now() + std::chrono::minutes(1));
        !there)
      return closing(there.err());
    out->sockets_.push_back(accept4(door->socket, nullptr, nullptr, SOCK_CLOEXEC));
  }
  close(door->socket);
  return out;
}

floor_mesh::~floor_mesh() {
  for (const int s : sockets_)
    close(s);
}

status floor_mesh::offer(std::string_view bytes) {
  const auto frame = framed(bytes);
  for (const int s : sockets_)
    if (auto sent = send_all(s, frame); !sent)
      return sent;
  owed_ += sockets_.size();
  return success();
}

status floor_mesh::await_acks(size_t missing) {
  std::vector<pollfd> waiting;
  for (const int s : sockets_)
    waiting.push_back({s, POLLIN, 0});
  constexpr int look_ms = 100;
  while (owed_ > missing) {
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    if (poll(waiting.data(), waiting.size(), look_ms) <= 0)
      continue;
    for (auto& w : waiting) {
      std::array<char, 256> acks{};
      if (w.revents == 0)
        continue;
      const auto got = recv(w.fd, acks.data(), acks.size(), MSG_DONTWAIT);
      if (got == 0)
        return error{ec::disk, "a process of the floor ended (is the disk full?)"};
      if (got > 0)
        owed_ -= static_cast<size_t>(got);
    }
  }
  return success();
}

// ---- group commit

namespace {

constexpr size_t write_frame_bytes = record_bytes;

void run_group_commit(int door, size_t clients, const std::filesystem::path& file) {
  synced_file to(file);
  std::vector<pollfd> open;
  while (open.size() < clients)
    open.push_back({accept4(door, nullptr, nullptr, SOCK_CLOEXEC), POLLIN, 0});
  std::string group;
  std::vector<int> owed;
  std::array<char, write_frame_bytes> one{};
  while (poll(open.data(), open.size(), -1) > 0) {
    group.clear();
    owed.clear();
    for (const auto& c : open)
      if (c.revents != 0) {
        if (!receive_all(c.fd, one.data(), one.size()))
          return;
        group.append(one.data(), one.size());
        owed.push_back(c.fd);
      }
    if (!to.append(group))
      return;
    for (const int fd : owed)
      if (!send_all(fd, "k"))
        return;
  }
}

} // namespace

result<load_figures> floor_load(const std::filesystem::path& folder, size_t clients, double seconds,
                                uint64_t most) {
  const auto door = listen_here();
  if (!door)
    return door.err();
  auto child = child_program::run(
      [&] { run_group_commit(door->socket, clients, folder / "floor-group-commit"); });
  const std::string record(write_frame_bytes, 'r');
  std::vector<load_connection> connections;
  result<load_figures> out = load_figures{};
  if (!child)
    out = child.err();
  for (size_t n = 0; n < clients && out; ++n) {
    const auto fd = connect_to(door->port);
    if (!fd) {
      out = fd.err();
      break;
    }
    connections.push_back({*fd, [fd = *fd, &record] { return send_all(fd, record); },
                           [fd = *fd]() -> result<bool> {
                             char ack = 0;
                             const auto got = recv(fd, &ack, 1, MSG_DONTWAIT);
                             if (got == 0)
                               return error{ec::disk, "the floor's group commit ended"};
                             return got > 0;
                           }});
  }
  if (out)
    out = run_load(connections, seconds, most);
  for (const auto& c : connections)
    close(c.socket);
  close(door->socket);
  return out;
}

} // namespace shoal::cli::bench
