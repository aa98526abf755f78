#include "actors/node.hpp"

#include "actors/api/server.hpp"
#include "actors/clocks.hpp"
#include "actors/logging.hpp"
#include "actors/node_actor.hpp"
#include "actors/reader.hpp"
#include "actors/supervisor.hpp"
#include "actors/transport/multiplexer.hpp"
#include "config/limits.hpp"
#include "store/models/declared.hpp"

#include <caf/all.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

namespace shoal {

namespace fs = std::filesystem;

namespace {

constexpr int exit_failed = 1;
constexpr int exit_restart = 75; // EX_TEMPFAIL: a supervisor starts the node again
constexpr int exit_config = 78;  // EX_CONFIG

/// The node as the API sees it.
class node_access final : public api::node {
public:
  node_access(const node_setup& setup, std::shared_ptr<current_models> models)
      : device_(setup.catalog.key.device()), name_(setup.catalog.node_name),
        address_(setup.catalog.address), data_dir_(setup.catalog.data_dir), open_(setup.open),
        alarms_(setup.alarms), traffic_(setup.traffic), disk_(setup.catalog.disk),
        counted_(setup.catalog.counted), models_(std::move(models)),
        certificate_until_ms_(setup.catalog.key.certificate_until_ms()) {}

  void connect(caf::actor actor) { node_ = std::move(actor); }

  device_id device() const override { return device_; }
  std::string name() const override { return name_; }
  std::string address() const override { return address_; }
  std::vector<std::shared_ptr<api::library>> libraries() const override { return open_->shown(); }
  void create_library(std::string name,
                      api::callback<std::shared_ptr<api::library>> done) override {
    caf::anon_send(
        node_, create_library_request{
                   std::move(name), std::make_shared<api::callback<std::shared_ptr<api::library>>>(
                                        std::move(done))});
  }
  void join_library(api::join_request what,
                    api::callback<std::shared_ptr<api::library>> done) override {
    library_order o;
    o.wanted = library_order::what::join;
    o.library = what.id;
    o.name = std::move(what.name);
    o.via = what.via;
    o.address = std::move(what.address);
    order(std::move(o),
          [open = open_, id = what.id, done = std::move(done)](const result<std::string>& r) {
            if (!r)
              return done(r.err());
            if (const auto made = open->find(id))
              return done(std::static_pointer_cast<api::library>(made->core));
            done(error{ec::unavailable, "library " + to_string(id) + " is closed again already"});
          });
  }
  bool left_before(const library_id& id) const override { return has_left(data_dir_, id); }
  void leave_library(const library_id& id, api::leave_request how,
                     api::callback<std::string> done) override {
    library_order o;
    o.wanted = library_order::what::leave;
    o.library = id;
    o.now = how.now;
    o.drop = how.drop;
    order(std::move(o), std::move(done));
  }
  void rebuild_library(const library_id& id, api::callback<std::string> done) override {
    library_order o;
    o.wanted = library_order::what::rebuild;
    o.library = id;
    order(std::move(o), std::move(done));
  }
  void pause_library(const library_id& id, bool on, api::callback<std::string> done) override {
    library_order o;
    o.wanted = on ? library_order::what::pause : library_order::what::resume;
    o.library = id;
    order(std::move(o), std::move(done));
  }
  std::vector<std::string> alarms() const override {
    auto all = alarms_->all();
    if (auto disk = disk_->alarm(); !disk.empty())
      all.push_back(std::move(disk));
    return all;
  }
  std::vector<api::logged_event> events() const override { return recent_lines(); }
  api::node_health health() const override {
    return {disk_->free_bytes(), disk_->reserve_bytes(), certificate_until_ms_};
  }
  std::shared_ptr<const models::registry> models() const override { return models_->get(); }
  std::string metrics() const override {
    std::vector<api::library_status> statuses;
    std::vector<double> drifts;
    for (const auto& l : open_->shown()) {
      statuses.push_back(l->status());
      const auto open = open_->find(l->id());
      drifts.push_back(open ? open->core->hlc_drift_seconds() : 0);
    }
    return counted_->render(statuses, drifts, *disk_, traffic_->refused);
  }
  void set_log_level(const std::string& spec, api::callback<nothing> done) override {
    done(set_log_levels(spec));
  }

private:
  void order(library_order o, api::callback<std::string> done) {
    o.done = std::make_shared<api::callback<std::string>>(std::move(done));
    caf::anon_send(node_, std::move(o));
  }

  device_id device_;
  std::string name_;
  std::string address_;
  fs::path data_dir_;
  std::shared_ptr<library_list> open_;
  std::shared_ptr<alarm_list> alarms_;
  std::shared_ptr<const transport::traffic> traffic_;
  std::shared_ptr<disk_space> disk_;
  std::shared_ptr<shoal::metrics> counted_;
  std::shared_ptr<current_models> models_;
  uint64_t certificate_until_ms_;
  caf::actor node_;
};

struct caf_config : caf::actor_system_config {
  caf_config() {
    add_message_types<caf::id_block::shoal_transport>();
    add_message_types<caf::id_block::shoal_node>();
    transport::load_middleman(*this);
    set("scheduler.policy", caf::atom("sharing")); // no polling: an idle node costs nothing
    set("scheduler.max-threads",
        static_cast<uint64_t>(std::max(2U, std::thread::hardware_concurrency())));
  }
};

int fail(const error& e) {
  spdlog::error("{}", e.message);
  std::fprintf(stderr, "shoal: %s\n", e.message.c_str());
  return e.code == ec::config      ? exit_config
         : e.code == ec::disk_full ? exit_restart // there may be room the next time
                                   : exit_failed;
}

/// A folder that cannot be written to is wrongly configured, unless it is only full.
error cannot_write(const std::string& what, int why) {
  const bool full = why == ENOSPC || why == EDQUOT;
  return {full ? ec::disk_full : ec::config, what + ": " + std::strerror(why)};
}

/// Keeps a second process off the data directory for as long as it lives.
class directory_lock {
public:
  static result<directory_lock> take(const fs::path& dir) {
    std::error_code failed;
    fs::create_directories(dir, failed);
    if (failed)
      return cannot_write("node.data_dir: " + dir.string(), failed.value());
    const auto file = (dir / "lock").string();
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
      return cannot_write("node.data_dir: " + file, errno);
    directory_lock lock(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
      return {ec::unavailable, dir.string() + ": another shoal runs on this directory"};
    return lock;
  }
  directory_lock(directory_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  ~directory_lock() {
    if (fd_ >= 0)
      ::close(fd_);
  }

private:
  explicit directory_lock(int fd) : fd_(fd) {}
  int fd_;
};

/// run/endpoints.json: there while the node accepts work.
class endpoints_file {
public:
  static result<endpoints_file> write(const fs::path& dir, const device_id& device,
                                      const std::string& listen, const std::string& api) {
    std::error_code failed;
    fs::create_directories(dir / "run", failed);
    endpoints_file out(dir / "run" / "endpoints.json");
    const auto fresh = out.path_.string() + ".new";
    {
      std::ofstream file(fresh);
      file << nlohmann::ordered_json{{"pid", getpid()},
                                     {"device", to_string(device)},
                                     {"listen", listen},
                                     {"api", api}}
                  .dump()
           << "\n";
      errno = 0;
      if (!file.flush())
        return cannot_write(fresh + ": cannot be written", errno);
    }
    fs::rename(fresh, out.path_, failed);
    if (failed)
      return cannot_write(out.path_.string(), failed.value());
    return out;
  }
  void remove() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

private:
  explicit endpoints_file(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// Where those on this machine reach what listens on `host`: every address is none to ask.
std::string here_for(const std::string& host) {
  if (host == "0.0.0.0")
    return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

std::string read_token(const fs::path& file) {
  std::ifstream in(file);
  std::string token;
  std::getline(in, token);
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())))
    token.pop_back();
  return token;
}

/// Models and fields that came to those in force.
void reload_models(const config::options& fresh, const library_list& open, current_models& known,
                   const caf::actor& node) {
  auto next = models::make_registry(fresh.models);
  if (!next)
    return spdlog::error("reload: {}; the models in force stay", next.err().message);
  const auto before = known.get();
  if (auto wider = models::check_wider(*before, *next); !wider)
    return spdlog::error("reload: {}, which takes a restart; the models in force stay",
                         wider.err().message);
  const auto hash = next->hash();
  if (hash == before->hash())
    return;
  known.set(std::move(*next));
  for (const auto& l : open.all())
    l.core->set_models(hash);
  spdlog::info("reload: there are {} models now; links are made anew, so that peers learn of it",
               known.get()->parents_first().size());
  caf::anon_send(node, link_anew{"this node's models changed"});
}

/// What the file can change in a running node: levels, members of libraries that are open, and
/// models.
void reload(const config::options& old, const library_list& open, current_models& known,
            const caf::actor& node) {
  auto fresh = config::load(old.file, config::process_environment());
  if (!fresh)
    return spdlog::error("reload: {}; the configuration in force stays", fresh.err().message);
  if (auto set = set_log_levels(fresh->log.level); !set)
    spdlog::error("reload: log.level: {}", set.err().message);
  for (const auto& l : fresh->libraries)
    for (const auto& o : open.all())
      if (o.core->id() == l.id)
        caf::anon_send(o.writer,
                       store_job{std::make_shared<job>(members_job{configured_members(l), {}})});
  reload_models(*fresh, open, known, node);
  spdlog::info("reloaded {}", old.file.string());
}

/// Waits for SIGTERM or SIGINT; SIGHUP reloads.
void wait_for_stop(const sigset_t& signals, const config::options& options,
                   const library_list& open, current_models& known, const caf::actor& node) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0)
      continue;
    if (signal != SIGHUP)
      return spdlog::info("stopping on signal {}", signal);
    supervisor::say_reloading();
    reload(options, open, known, node);
    supervisor::say_ready(options.node.name);
  }
}

/// Ends the process when an orderly stop hangs. What was acknowledged is on disk: nothing is lost
/// by it.
void start_stop_watchdog(int code) {
  std::thread([code] {
    std::this_thread::sleep_for(std::chrono::milliseconds(limits::stop_ms - 500));
    spdlog::error("the stop took too long; ending the process");
    _exit(code);
  }).detach();
}

/// Stops the node in order with exit_restart: whether a write is there after its sync has failed
/// only a reopened store can say. In order, because its client is still to be told that, and other
/// libraries go on offering what they have.
class restart_request {
public:
  void make(const error& why) {
    if (made_.exchange(true))
      return;
    spdlog::critical("the store failed: {}; ending, so that it is opened anew", why.message);
    ::kill(::getpid(), SIGTERM);
  }
  bool made() const { return made_; }

private:
  std::atomic<bool> made_{false};
};

} // namespace

static int run_in(caf::actor_system& system, const config::options& options,
                  const sigset_t& signals, const std::shared_ptr<current_models>& known) {
  auto lock = directory_lock::take(options.node.data_dir);
  if (!lock)
    return fail(lock.err());
  auto key = transport::load_identity(options.tls.key, options.tls.certificate);
  if (!key)
    return fail(key.err());
  auto setup = std::make_shared<node_setup>();
  auto entries = find_libraries(options.node.data_dir, options);
  if (!entries)
    return fail(entries.err());
  setup->entries = std::move(*entries);
  auto departures = find_departures(options.node.data_dir);
  if (!departures)
    return fail(departures.err());
  setup->departures = std::move(*departures);
  auto socket = transport::open_listener(options.node.listen);
  if (!socket)
    return fail(socket.err());
  const auto bound = socket->bound;
  setup->accepted = std::make_shared<accepted_devices>();
  auto tls = transport::tls_context::make(
      *key, [accepted = setup->accepted](const device_id& d) { return accepted->contains(d); });
  if (!tls)
    return fail(tls.err());
  setup->options = options;
  setup->socket = std::move(*socket);
  setup->tls = *tls;
  setup->traffic = std::make_shared<transport::traffic>();
  setup->open = std::make_shared<library_list>();
  setup->alarms = std::make_shared<alarm_list>();

  const bool wildcard = bound.host == "0.0.0.0" || bound.host == "::";
  std::string address;
  if (options.node.advertise)
    address = config::to_string({options.node.advertise->host, options.node.advertise->port != 0
                                                                   ? options.node.advertise->port
                                                                   : bound.port});
  else if (!wildcard)
    address = config::to_string(bound);
  auto counted = std::make_shared<metrics>();
  auto restart = std::make_shared<restart_request>();
  std::vector<caf::actor> readers;
  for (size_t i = 0; i < limits::reader_threads; ++i)
    readers.push_back(system.spawn<caf::detached>(range_reader, i));
  setup->catalog = {
      options.node.data_dir,
      *key,
      options.node.name,
      address,
      random_u64(),
      options.sync,
      options.retention,
      make_rocks_memory(),
      std::make_shared<disk_space>(options.node.data_dir, options.node.disk_reserve_bytes),
      counted,
      readers,
      std::make_shared<library_directory>(),
      std::make_shared<dial_board>(),
      [restart](const error& e) { restart->make(e); },
      known};

  auto started = setup->started.get_future();
  auto stopped = setup->stopped.get_future();
  auto access = std::make_unique<node_access>(*setup, known);
  // Not detached: a tick that is still due when the system ends would keep its thread, and with it
  // the process, for ever.
  auto node = system.spawn(node_actor, setup);
  const auto end_actors = [&] {
    for (const auto& l : setup->open->all()) {
      caf::anon_send_exit(l.actor, caf::exit_reason::user_shutdown);
      caf::anon_send_exit(l.writer, caf::exit_reason::user_shutdown);
    }
    for (const auto& r : readers)
      caf::anon_send_exit(r, caf::exit_reason::user_shutdown);
    // A writer commits what it accepted. Until it has, metrics, the directory's lock and all else
    // here stay.
    system.await_all_actors_done();
  };
  if (auto s = started.get(); !s) {
    caf::anon_send_exit(node, caf::exit_reason::kill);
    end_actors();
    setup->open->clear();
    return fail(s.err());
  }
  access->connect(node);

  api::options http;
  http.host = options.api.listen.host;
  http.port = options.api.listen.port;
  http.token = read_token(options.api.token);
  auto server = api::server::start(std::move(http), *access);
  int code = 0;
  if (!server) {
    code = fail(server.err());
  } else {
    const auto url = "http://" + config::to_string({options.api.listen.host, (*server)->port()});
    const auto local =
        "http://" + config::to_string({here_for(options.api.listen.host), (*server)->port()});
    auto endpoints =
        endpoints_file::write(options.directory, key->device(), config::to_string(bound), local);
    if (!endpoints) {
      code = fail(endpoints.err());
    } else {
      spdlog::info("{} ({}) accepts peers on {} and clients on {}", options.node.name,
                   to_string(key->device()), config::to_string(bound), url);
      const supervisor::watchdog fed(node, setup->open);
      supervisor::say_ready(options.node.name);
      wait_for_stop(signals, options, *setup->open, *known, node);
      supervisor::say_stopping();
      endpoints->remove();
    }
  }
  if (restart->made())
    code = exit_restart;
  start_stop_watchdog(code);
  if (server)
    (*server)->stop();
  caf::anon_send(node, stop_node{});
  stopped.wait();
  end_actors();
  access->connect(nullptr);
  return restart->made() ? exit_restart : code;
}

int run_node(const config::options& options, models::registry models) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN); // a write beyond the limit on files fails instead
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr); // before any thread: all of them inherit it
  start_logging(options.log);
  int code = 0;
  {
    caf_config config;
    caf::actor_system system(config);
    code = run_in(system, options, signals, std::make_shared<current_models>(std::move(models)));
    system.await_all_actors_done();
  }
  spdlog::info("stopped");
  return code;
}

} // namespace shoal
