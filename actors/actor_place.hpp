#pragma once
// An actor that runs in the thread of the sockets, or, as long as it says so, in a thread of its
// own.

#include "actors/socket_thread.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace shoal {

/// Where one actor handles its messages. It moves between two of them, by its own word only.
class actor_place {
public:
  /// `name`: of the thread, at most 15 bytes.
  actor_place(caf::actor_system& system, std::string name);
  ~actor_place();
  actor_place(const actor_place&) = delete;
  actor_place& operator=(const actor_place&) = delete;

  /// By the actor, while it handles a message: from the next one on it has a thread for itself,
  /// which is started if this is the first time. False, and nothing changes: none is to be had.
  bool leave_sockets();
  /// By the actor: the next message is handled in the thread of the sockets.
  void join_sockets() { aside_ = false; }
  /// Whether it has left the sockets.
  bool aside() const { return aside_; }

private:
  friend class moving_actor;
  struct own_thread;

  void run(caf::resumable* actor); // takes the reference over
  void end();

  caf::actor_system& system_;
  const std::string name_;
  std::atomic<bool> aside_{false};
  std::shared_ptr<own_thread> own_; // null: not started yet
};

/// Begins in the thread of the sockets: what spawn_in_socket_thread says of its actors holds as
/// long as the actor has not left. A message is handled as a whole before the next actor's turn.
caf::actor spawn_with_place(caf::actor_system& system, std::shared_ptr<actor_place> place,
                            actor_body body);

} // namespace shoal
