#include "actors/logging.hpp"
#include "actors/log_about.hpp"

#include "config/keys.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <sstream>

namespace shoal {

static std::string known_components() {
  std::string all;
  for (const auto name : config::log_components)
    all.append(all.empty() ? "" : ", ").append(name);
  return all;
}

static constexpr size_t lines_kept = 200; // for those who look at the node from afar
static constexpr size_t line_bytes = 500; // shown of each

static const std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt>& recent() {
  static const auto lines = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(lines_kept);
  return lines;
}

static uint64_t since_1970_ms(const spdlog::log_clock::time_point& t) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count());
}

static std::string text_of(const spdlog::string_view_t& text) { return {text.data(), text.size()}; }

static std::vector<about::id>& ids_now() {
  thread_local std::vector<about::id> ids;
  return ids;
}

about::about(const char* component, std::vector<id> ids)
    : logger_(spdlog::get(component)), before_(std::exchange(ids_now(), std::move(ids))) {
  if (!logger_) // in tests: nobody has started logging
    logger_ = spdlog::default_logger();
}

about::~about() { ids_now() = std::move(before_); }

const std::vector<about::id>& about::ids() { return ids_now(); }

/// One JSON object a line; the message is escaped, whatever a peer put into it.
class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& m, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json line{
        {"time_ms", since_1970_ms(m.time)},
        {"level", text_of(spdlog::level::to_string_view(m.level))},
        {"component", text_of(m.logger_name)},
        {"message", text_of(m.payload)},
    };
    for (const auto& [name, id] : about::ids())
      line[std::string(name)] = id;
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_formatter>();
  }
};

void start_logging(const config::log_options& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  for (const auto component : config::log_components) {
    const std::string name(component);
    auto logger = std::make_shared<spdlog::logger>(name, spdlog::sinks_init_list{sink, recent()});
    spdlog::drop(name);
    spdlog::register_logger(logger);
  }
  spdlog::set_default_logger(spdlog::get("node"));
  if (options.format == config::log_format::json)
    spdlog::set_formatter(std::make_unique<json_formatter>());
  else
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %n: %v");
  spdlog::flush_on(spdlog::level::info);
  if (auto set = set_log_levels(options.level); !set)
    spdlog::warn("log.level: {}", set.err().message);
}

static std::optional<spdlog::level::level_enum> level_of(const std::string& text) {
  static const std::map<std::string, spdlog::level::level_enum> known{
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},   {"warn", spdlog::level::warn},
      {"error", spdlog::level::err},   {"critical", spdlog::level::critical},
      {"off", spdlog::level::off}};
  const auto it = known.find(text);
  return it == known.end() ? std::nullopt : std::optional(it->second);
}

status set_log_levels(const std::string& spec) {
  std::optional<spdlog::level::level_enum> all;
  std::map<std::string, spdlog::level::level_enum> some;
  std::istringstream in(spec);
  for (std::string item; std::getline(in, item, ',');) {
    const auto eq = item.find('=');
    const auto level = level_of(eq == std::string::npos ? item : item.substr(eq + 1));
    if (!level)
      return {ec::bad_request, "'" + item
                                   + "' is no level; levels are trace, debug, info, warn, error, "
                                     "critical, off"};
    if (eq == std::string::npos)
      all = level;
    else
      some[item.substr(0, eq)] = *level;
  }
  for (const auto& [name, level] : some)
    if (!spdlog::get(name))
      return {ec::bad_request,
              "'" + name + "' is no component; components are " + known_components()};
  if (all)
    for (const auto name : config::log_components)
      spdlog::get(std::string(name))->set_level(*all);
  for (const auto& [name, level] : some)
    spdlog::get(name)->set_level(level);
  return success();
}

std::vector<api::logged_event> recent_lines() {
  const auto lines = recent()->last_raw();
  std::vector<api::logged_event> out;
  out.reserve(lines.size());
  for (auto it = lines.rbegin(); it != lines.rend(); ++it) {
    auto message = text_of(it->payload);
    if (message.size() > line_bytes) {
      message.resize(line_bytes); // a character cut in half becomes U+FFFD in the JSON
      message += "…";
    }
    out.push_back({since_1970_ms(it->time), text_of(spdlog::level::to_string_view(it->level)),
                   text_of(it->logger_name), std::move(message)});
  }
  return out;
}

} // namespace shoal
