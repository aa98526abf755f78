#include "actors/api/reply.hpp"

namespace shoal::api {

unsigned http_status(ec code) {
  switch (code) {
  // A token, an id or a stamp in a request that does not decode.
  case ec::truncated:
  case ec::too_large:
  case ec::too_deep:
  case ec::wrong_type:
  case ec::bad_utf8:
  case ec::duplicate_key:
  case ec::not_a_number:
  case ec::trailing_bytes:
  case ec::bad_value:
  case ec::unknown_version:
  case ec::unknown_kind:
  case ec::bad_request:
  case ec::config: return 400;
  case ec::unauthorized: return 401;
  case ec::forbidden:
  case ec::not_owner:
  case ec::managed: return 403;
  case ec::not_found:
  case ec::unknown_model:
  case ec::unknown_library: return 404;
  case ec::timed_out: return 408;
  case ec::conflict: return 409;
  case ec::gone: return 410;
  case ec::too_big: return 413;
  case ec::invalid_field:
  case ec::missing_field:
  case ec::missing_parent:
  case ec::id_mismatch: return 422;
  case ec::clock:
  case ec::unavailable: return 503;
  case ec::corrupt:
  case ec::outcome_unknown:
  case ec::disk:
  case ec::disk_full: return 507;
  }
  return 503;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
  case 200: return "OK";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 410: return "Gone";
  case 413: return "Payload Too Large";
  case 415: return "Unsupported Media Type";
  case 422: return "Unprocessable Entity";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 503: return "Service Unavailable";
  case 507: return "Insufficient Storage";
  default: return "Status";
  }
}

reply error_reply(unsigned status, std::string_view code, std::string_view message) {
  nlohmann::ordered_json inner;
  inner["code"] = code;
  inner["message"] = message;
  nlohmann::ordered_json outer;
  outer["error"] = std::move(inner);
  return json_reply(outer, status);
}

reply error_reply(const error& e) {
  return error_reply(http_status(e.code), to_string(e.code), e.message);
}

} // namespace shoal::api
