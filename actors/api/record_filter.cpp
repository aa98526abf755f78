#include "actors/api/record_filter.hpp"

#include "messages/writer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace shoal::api {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number n{};
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (fault != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return n;
}

template <class Put>
std::string encoded(Put put) {
  std::string out;
  writer w(out);
  put(w);
  return out;
}

} // namespace

result<field_filter> field_filter::parse(std::string_view text) {
  auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return error{ec::bad_request, "parameter where is \"" + std::string(text)
                                      + "\"; it must be NAME=VALUE, with = as %3D"};
  field_filter out;
  out.field_ = text.substr(0, equals);
  auto value = text.substr(equals + 1);
  auto& all = out.encodings_;
  all.push_back(encoded([&](writer& w) { w.str(value); }));
  if (value == "null")
    out.absent_ = true;
  if (value == "true" || value == "false")
    all.push_back(encoded([&](writer& w) { w.boolean(value == "true"); }));
  if (auto whole = parse_number<int64_t>(value))
    all.push_back(encoded([&](writer& w) { w.integer(*whole); }));
  if (auto real = parse_number<double>(value); real && std::isfinite(*real))
    all.push_back(encoded([&](writer& w) { w.real(*real); }));
  if (auto uuid = parse_id<record_id>(value))
    all.push_back(encoded([&](writer& w) { w.bin(uuid->view()); }));
  return out;
}

bool field_filter::matches(const record_view& record) const {
  auto found = record.fields.find(field_);
  if (found == record.fields.end())
    return absent_;
  return std::find(encodings_.begin(), encodings_.end(), found->second) != encodings_.end();
}

result<record_filter> record_filter::parse(const target& where) {
  record_filter out;
  auto deleted = where.flag("deleted");
  if (!deleted)
    return deleted.err();
  out.deleted = *deleted;
  if (auto owner = where.get("owner")) {
    out.owner = parse_id<device_id>(*owner);
    if (!out.owner)
      return error{ec::bad_request,
                   "parameter owner is \"" + std::string(*owner) + "\"; it must be a device id"};
  }
  for (const auto& [name, value] : where.query) {
    if (name != "where" || value.empty())
      continue;
    auto filter = field_filter::parse(value);
    if (!filter)
      return filter.err();
    out.fields.push_back(std::move(*filter));
  }
  return out;
}

bool record_filter::matches(const record_view& record) const {
  if (record.deleted && !deleted)
    return false;
  if (owner && record.owner != owner)
    return false;
  return std::all_of(fields.begin(), fields.end(),
                     [&](const field_filter& f) { return f.matches(record); });
}

} // namespace shoal::api
