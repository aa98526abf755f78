#include "tests/attack/mutation.hpp"

#include "messages/reader.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

namespace shoal::attack {

namespace {

const char* const body = "b";
const char* const ops = "ops";

tree parsed(std::string_view bytes) {
  auto out = tree::from_msgpack(bytes, true, false);
  BOOST_REQUIRE_MESSAGE(!out.is_discarded(), "an honest message is no MessagePack");
  return out;
}
std::string packed(const tree& t) {
  std::string out;
  tree::to_msgpack(t, out);
  return out;
}
tree bytes(const std::string& raw) { return tree::binary({raw.begin(), raw.end()}); }
std::string raw_of(const tree& t) {
  const auto& b = t.get_binary();
  return {b.begin(), b.end()};
}
tree nested(size_t depth) {
  auto out = tree::array();
  for (size_t n = 0; n < depth; ++n)
    out = tree::array({std::move(out)});
  return out;
}
template <class... Items>
void append(std::vector<tree>& to, Items&&... items) {
  (to.push_back(tree(std::forward<Items>(items))), ...);
}

/// What may stand there instead.
std::vector<tree> instead_of(const tree& v, const std::vector<device_id>& ids) {
  std::vector<tree> out;
  append(out, nullptr, nested(3), nested(40), std::numeric_limits<double>::quiet_NaN(), 1.5, "text",
         std::string("\xff\xfe"), bytes(std::string(16, 'r')), tree{{"a", 1}});
  if (v.is_number()) {
    const auto n = v.get<uint64_t>();
    append(out, 0U, n + 1, n + 1000, uint64_t{1} << 32, uint64_t{1} << 53, (uint64_t{1} << 63) - 1,
           uint64_t{1} << 63, UINT64_MAX - 1, UINT64_MAX, -1);
    if (n > 0)
      append(out, n - 1);
  } else if (v.is_boolean()) {
    append(out, !v.get<bool>(), 2U);
  } else if (v.is_string()) {
    append(out, "", std::string(300, 'a'), std::string(70'000, 'b'),
           std::string("a\0b\x1b[2J\n", 9), 7U);
  } else if (v.is_binary()) {
    const auto raw = raw_of(v);
    append(out, bytes(""), bytes(raw + "x"), bytes(std::string(raw.size(), '\0')),
           bytes(std::string(raw.size(), '\xff')), bytes(std::string(1'200'000, 'z')));
    if (!raw.empty()) {
      auto flipped = raw;
      flipped[raw.size() / 2] = static_cast<char>(flipped[raw.size() / 2] ^ 1);
      append(out, bytes(raw.substr(1)), bytes(flipped));
    }
    if (raw.size() == 16)
      for (const auto& id : ids)
        append(out, bytes(std::string(id.view())));
  } else if (v.is_array()) {
    append(out, tree::array());
    if (!v.empty()) {
      auto twice = v;
      for (const auto& item : v)
        twice.push_back(item);
      auto shorter = v;
      shorter.erase(shorter.begin());
      auto many = tree::array();
      for (size_t n = 0; n < 5000; ++n)
        many.push_back(v[0]);
      auto backwards = tree::array();
      for (auto it = v.rbegin(); it != v.rend(); ++it)
        backwards.push_back(*it);
      append(out, std::move(twice), std::move(shorter), std::move(many), std::move(backwards));
    }
  } else if (v.is_object()) {
    for (const auto& [key, item] : v.items()) {
      auto without = v;
      without.erase(key);
      append(out, std::move(without));
    }
    auto more = v;
    more["zz"] = nested(2);
    append(out, std::move(more), tree::object());
  }
  std::erase(out, v);
  return out;
}

/// Each item of the tree, with its path; `visit` returns true to stop.
template <class Visit>
bool each_item(tree& at, const std::string& path, Visit& visit) {
  if (visit(at, path))
    return true;
  if (at.is_object()) {
    for (const auto& [key, item] : at.items())
      if (each_item(item, path + "/" + key, visit))
        return true;
  } else if (at.is_array()) {
    for (size_t n = 0; n < at.size(); ++n)
      if (each_item(at[n], path + "/" + std::to_string(n), visit))
        return true;
  }
  return false;
}

std::string described(const tree& t) {
  if (t.is_binary())
    return std::to_string(t.get_binary().size()) + " bytes";
  auto text = t.dump(-1, ' ', true, tree::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "…" : text;
}

} // namespace

tree tree_of(const std::string& payload) {
  auto out = parsed(payload);
  if (!out[body].contains(ops))
    return out;
  const auto raw = raw_of(out[body][ops]);
  auto split = tree::array();
  reader in(raw);
  while (!in.at_end() && !in.failed()) {
    const auto begin = in.offset();
    in.frame("op");
    split.push_back(parsed(in.between(begin, in.offset())));
  }
  out[body][ops] = std::move(split);
  return out;
}

std::string payload_of(const tree& t) {
  const bool has_ops = t.is_object() && t.contains(body) && t[body].is_object()
                       && t[body].contains(ops) && t[body][ops].is_array();
  if (!has_ops)
    return packed(t);
  std::string raw;
  for (const auto& one : t[body][ops])
    raw += packed(one);
  auto whole = t;
  whole[body][ops] = bytes(raw);
  return packed(whole);
}

size_t mutations(const tree& t, const std::vector<device_id>& ids) {
  size_t n = 0;
  auto whole = t;
  auto count = [&](tree& item, const std::string&) {
    n += instead_of(item, ids).size();
    return false;
  };
  each_item(whole, "", count);
  return n;
}

mutated mutate(const tree& t, const std::vector<device_id>& ids, size_t number) {
  auto whole = t;
  mutated out;
  auto change = [&](tree& item, const std::string& path) {
    auto all = instead_of(item, ids);
    if (number >= all.size()) {
      number -= all.size();
      return false;
    }
    out.what =
        (path.empty() ? "/" : path) + ": " + described(item) + " → " + described(all[number]);
    item = std::move(all[number]);
    return true;
  };
  BOOST_REQUIRE(each_item(whole, "", change));
  out.payload = payload_of(whole);
  return out;
}

} // namespace shoal::attack
