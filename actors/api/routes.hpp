#pragma once
// From a request to the function that answers it: the whole surface of the API is the one table in
// routes.cpp.

#include "actors/api/backend.hpp"
#include "actors/api/loop.hpp"
#include "actors/api/reply.hpp"
#include "actors/api/target.hpp"

#include <boost/beast/http/verb.hpp>

#include <atomic>
#include <chrono>
#include <set>

namespace shoal::api {

struct request {
  boost::beast::http::verb method{};
  target where;
  std::vector<std::string> args; // what stood in the route's `:` segments, in order
  std::string body;
  std::string idempotency_key;
  bool gzip = false;   // the client takes gzip
  bool events = false; // and wants text/event-stream
  std::string last_event_id;
};

/// Change feeds of one server.
struct feed_places {
  size_t max = 0;                        // that stay open, at once
  std::atomic<size_t> open{0};           // of those
  std::chrono::milliseconds view_age{0}; // at which a burst goes on in a newer view
  /// Requests that wait until the node holds what they name; on the io thread. The server's stop
  /// lets go of them.
  std::set<std::shared_ptr<void>> waiting;
};

/// What routes work with. Copied freely; all of it outlives every request.
struct context {
  node* self = nullptr;
  std::shared_ptr<loop> io; // the sockets' thread: routes are called on it and must return at once
  std::shared_ptr<loop> work; // for what takes longer
  std::shared_ptr<feed_places> feeds;
};

/// True for paths that anyone may read: `/healthz` and the status page's own files.
bool is_open_path(std::string_view path);
/// One of the status page's own files. page.cpp
bool is_page_path(std::string_view path);

/// Answers `r`, now or later. Unknown path: 404; a path that has no such method: 405 with `Allow`.
void serve(const context& c, request r, responder to);

/// The library of that id or, if there is none, of that name. ec::unknown_library.
result<std::shared_ptr<library>> find_library(node& n, std::string_view name);

/// Makes `on(value)` answer on the io thread once the backend calls back; an error answers by
/// itself.
template <class T, class On>
callback<T> answers(const context& c, responder to, On on) {
  return [io = c.io, to = std::move(to), on = std::move(on)](result<T> r) mutable {
    io->post([to, on, r = std::move(r)] { to->send(r ? on(*r) : error_reply(r.err())); });
  };
}

using route_function = void (*)(const context&, request, responder);

// node_routes.cpp
void get_health(const context&, request, responder);
void get_ready(const context&, request, responder);
void get_metrics(const context&, request, responder);
void get_status(const context&, request, responder);
void list_events(const context&, request, responder);
void set_log_level(const context&, request, responder);
void list_libraries(const context&, request, responder);
void create_library(const context&, request, responder); // also joins: life_routes.cpp
// page.cpp
void get_page(const context&, request, responder);
// life_routes.cpp
void leave_library(const context&, request, responder);
void rebuild_library(const context&, request, responder);
void pause_library(const context&, request, responder);
void resume_library(const context&, request, responder);
// library_routes.cpp
void get_library(const context&, request, responder);
void list_members(const context&, request, responder);
void add_member(const context&, request, responder);
void remove_member(const context&, request, responder);
void list_peers(const context&, request, responder);
void get_digest(const context&, request, responder);
void wait_for_peers(const context&, request, responder);
void trace_write(const context&, request, responder);
void sync_library(const context&, request, responder);
void prune_library(const context&, request, responder);
void verify_library(const context&, request, responder);
// model_routes.cpp
void list_models(const context&, request, responder);
// record_reads.cpp
void read_record(const context&, request, responder);
void read_records(const context&, request, responder);
void read_log(const context&, request, responder);
// export.cpp
void export_records(const context&, request, responder);
// backup_route.cpp
void back_up(const context&, request, responder);
// change_routes.cpp
void read_changes(const context&, request, responder);
// held_routes.cpp
void list_deadletters(const context&, request, responder);
void show_deadletter(const context&, request, responder);
void retry_deadletters(const context&, request, responder);
void release_deadletter(const context&, request, responder);
void drop_deadletter(const context&, request, responder);
void list_conflicts(const context&, request, responder);
// record_writes.cpp
void put_record(const context&, request, responder);
void delete_record(const context&, request, responder);
void write_batch(const context&, request, responder);

} // namespace shoal::api
