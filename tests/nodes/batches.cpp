#include "tests/nodes/batches.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

std::string numbered_id(uint64_t kind, uint64_t n) {
  char text[40];
  snprintf(text, sizeof text, "%08lx-0000-4000-8000-%012lx", static_cast<unsigned long>(kind),
           static_cast<unsigned long>(n));
  return text;
}

json tag_op(const std::string& id, const std::string& name) {
  return {{"model", "tag"}, {"id", id}, {"fields", {{"canonical_name", name}}}};
}

json entry_op(const std::string& id, const std::string& name) {
  return {{"model", "entry"}, {"id", id}, {"fields", {{"name", name}, {"kind", "file"}}}};
}

json delete_op(const std::string& model, const std::string& id) {
  return {{"model", model}, {"id", id}, {"delete", true}};
}

std::string noise(std::mt19937_64& random, size_t n) {
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string out;
  for (size_t i = 0; i < n; ++i)
    out += digits[random() % (sizeof digits - 1)];
  return out;
}

void write_batches(api& to, const std::vector<json>& ops, size_t per_batch) {
  for (size_t from = 0; from < ops.size(); from += per_batch) {
    json some = json::array();
    for (size_t n = from; n < std::min(ops.size(), from + per_batch); ++n)
      some.push_back(ops[n]);
    const auto got = to.post(lab_path("/batch"), {{"ops", std::move(some)}});
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text.substr(0, 500));
  }
}

} // namespace shoal::nodes
