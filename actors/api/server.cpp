#include "actors/api/server.hpp"

#include "actors/api/connection.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <array>
#include <condition_variable>
#include <ctime>

namespace shoal::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Connections beyond the limit that are told so at a time; more than these wait in the kernel's
// backlog.
constexpr size_t turned_away = 64;
constexpr auto sweep_every = std::chrono::milliseconds(250);
constexpr auto accept_again =
    std::chrono::milliseconds(200); // after a failure, such as no free descriptors

std::string http_date() {
  auto now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text;
  auto n = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), n};
}

} // namespace

class server::state : public std::enable_shared_from_this<server::state> {
public:
  state(options o, node& n)
      : io_(std::make_shared<loop>()), work_(std::make_shared<loop>()), acceptor_(io_->io()),
        sweep_(io_->io()), again_(io_->io()) {
    hall_.limits = o.limits;
    hall_.access = {std::move(o.token), std::move(o.names)};
    hall_.routes = {&n, io_, work_, std::make_shared<feed_places>()};
    hall_.routes.feeds->max = o.limits.followers;
    const auto own = spdlog::get("api"); // none in tests
    hall_.log = own ? own : spdlog::default_logger();
    hall_.routes.feeds->view_age = o.limits.feed_view;
    hall_.date = http_date();
    hall_.on_closed = [this] { on_closed(); };
  }

  status bind(const std::string& host, uint16_t port) {
    const auto name = host + ":" + std::to_string(port);
    auto failed = [&](const error_code& why) {
      return error{ec::config,
                   "the API cannot listen on " + name + ": " + why.message()
                       + "; set api.listen to an address of this machine and a free port"};
    };
    error_code bad;
    tcp::resolver resolver(io_->io());
    auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, bad);
    if (bad || found.empty())
      return failed(bad ? bad : make_error_code(asio::error::host_not_found));
    auto endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), bad);
    if (!bad)
      acceptor_.set_option(asio::socket_base::reuse_address(true), bad);
    if (!bad)
      acceptor_.bind(endpoint, bad);
    if (!bad)
      acceptor_.listen(asio::socket_base::max_listen_connections, bad);
    if (!bad)
      port_ = acceptor_.local_endpoint(bad).port();
    if (bad)
      return failed(bad);
    return success();
  }

  void run() {
    io_->start();
    work_->start();
    io_->post([this] {
      accept();
      sweep();
    });
  }

  uint16_t port() const { return port_; }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      if (stopped_)
        return;
      stopped_ = true;
    }
    io_->post([this] { close_doors(); });
    {
      std::unique_lock lock(mutex_);
      empty_.wait_for(lock, hall_.limits.last_answers, [this] { return all_gone_; });
    }
    work_->stop();
    io_->stop();
    // No thread is left: what clients were still owed ends here.
    hall_.routes.feeds->waiting.clear();
    hall_.closing = true;
    for (auto open = hall_.open; const auto& c : open)
      c->close();
  }

private:
  void accept() {
    accepting_ = true;
    acceptor_.async_accept(io_->io(), [this](error_code bad, tcp_socket socket) {
      accepting_ = false;
      if (hall_.closing)
        return;
      if (bad) {
        if (bad != asio::error::connection_aborted && !std::exchange(failing_, true))
          hall_.log->warn("accepting a connection failed: {}", bad.message());
        again_.expires_after(accept_again);
        again_.async_wait([this](error_code cancelled) {
          if (!cancelled && !hall_.closing && !accepting_)
            accept();
        });
        return;
      }
      failing_ = false;
      bool full = hall_.open.size() >= hall_.limits.connections;
      auto c = std::make_shared<connection>(hall_, std::move(socket), full);
      hall_.open.insert(c);
      c->start();
      accept_more();
    });
  }

  void accept_more() {
    if (!accepting_ && !hall_.closing && hall_.open.size() < hall_.limits.connections + turned_away)
      accept();
  }

  void sweep() {
    hall_.date = http_date();
    auto now = hall::clock::now();
    for (auto open = std::vector(hall_.open.begin(), hall_.open.end()); const auto& c : open)
      c->check(now);
    sweep_.expires_after(sweep_every);
    sweep_.async_wait([this](error_code cancelled) {
      if (!cancelled)
        sweep();
    });
  }

  void close_doors() {
    error_code ignored;
    hall_.closing = true;
    acceptor_.close(ignored);
    for (auto open = std::vector(hall_.open.begin(), hall_.open.end()); const auto& c : open)
      c->retire();
    hall_.routes.feeds->waiting.clear(); // answers them
    on_closed();
  }

  void on_closed() {
    if (!hall_.closing)
      return accept_more();
    if (!hall_.open.empty())
      return;
    std::lock_guard lock(mutex_);
    all_gone_ = true;
    empty_.notify_all();
  }

  std::shared_ptr<loop> io_;
  std::shared_ptr<loop> work_;
  // Below the loops: sockets and timers go before the io_context they live on.
  asio::basic_socket_acceptor<tcp, asio::io_context::executor_type> acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      sweep_, again_;
  hall hall_;
  uint16_t port_ = 0;
  bool accepting_ = false;
  bool failing_ = false; // accepting failed last time: said once
  std::mutex mutex_;
  std::condition_variable empty_;
  bool all_gone_ = false;
  bool stopped_ = false;
};

server::server(std::shared_ptr<state> s) : state_(std::move(s)) {}

result<std::unique_ptr<server>> server::start(options o, node& n) {
  const auto host = o.host;
  const auto port = o.port;
  auto s = std::make_shared<state>(std::move(o), n);
  if (auto bound = s->bind(host, port); !bound)
    return bound.err();
  s->run();
  return std::unique_ptr<server>(new server(std::move(s)));
}

server::~server() { stop(); }

uint16_t server::port() const { return state_->port(); }

void server::stop() { state_->stop(); }

} // namespace shoal::api
