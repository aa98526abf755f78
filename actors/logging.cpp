#include "actors/logging.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <sstream>

namespace shoal {

static constexpr std::array<const char*, 5> components{"node", "library", "store", "link", "api"};

/// One JSON object a line; the message is escaped, whatever a peer put into it.
class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& m, spdlog::memory_buf_t& out) override {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(m.time.time_since_epoch()).count();
    const nlohmann::ordered_json line{
        {"time_ms", ms},
        {"level", std::string(spdlog::level::to_string_view(m.level).data())},
        {"component", std::string(m.logger_name.data(), m.logger_name.size())},
        {"message", std::string(m.payload.data(), m.payload.size())},
    };
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_formatter>();
  }
};

void start_logging(const config::log_options& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  for (const auto* name : components) {
    auto logger = std::make_shared<spdlog::logger>(name, sink);
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
      {"error", spdlog::level::err},   {"off", spdlog::level::off}};
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
      return {ec::bad_request,
              "'" + item + "' is no level; levels are trace, debug, info, warn, error, off"};
    if (eq == std::string::npos)
      all = level;
    else
      some[item.substr(0, eq)] = *level;
  }
  for (const auto& [name, level] : some)
    if (!spdlog::get(name))
      return {ec::bad_request,
              "'" + name + "' is no component; components are node, library, store, link, api"};
  if (all)
    for (const auto* name : components)
      spdlog::get(name)->set_level(*all);
  for (const auto& [name, level] : some)
    spdlog::get(name)->set_level(level);
  return success();
}

} // namespace shoal
