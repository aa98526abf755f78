// GET …/export: every live record as NDJSON, ordered by model and id.

#include "actors/api/gzip.hpp"
#include "actors/api/routes.hpp"
#include "store/models/json.hpp"
#include "store/sync/records.hpp"

#include <chrono>

namespace shoal::api {
namespace {

using steady = std::chrono::steady_clock;

constexpr size_t piece_bytes = size_t{64} << 10;
constexpr auto piece_time = std::chrono::milliseconds(5);

/// Reads on from where the last piece ended, out of one snapshot: what it holds is one record and
/// one piece.
class record_lines final : public body_source {
public:
  record_lines(std::shared_ptr<const kv_view> view,
               std::vector<std::pair<record_class, std::string>> present)
      : view_(std::move(view)), models_(std::move(present)) {}

  result<bool> produce(std::string& out) override {
    const auto until = steady::now() + piece_time;
    bool full = false;
    while (at_ < models_.size() && !full) {
      const auto& [cls, model] = models_[at_];
      const auto from = after_;
      auto scanned = list_records(
          *view_, cls, model, from ? &*from : nullptr, true, [&](record_view&& record) {
            // Several owners' records of one id stay in one piece: `after` skips all of them.
            if (after_ != record.id && (out.size() >= piece_bytes || steady::now() >= until)) {
              full = true;
              return false;
            }
            after_ = record.id;
            if (!record.deleted) {
              out += text_of(models::to_json(record));
              out += '\n';
            }
            return true;
          });
      if (!scanned)
        return scanned.err();
      if (!full) {
        ++at_;
        after_.reset();
      }
    }
    return at_ < models_.size();
  }

private:
  std::shared_ptr<const kv_view> view_;
  std::vector<std::pair<record_class, std::string>> models_; // in name order
  size_t at_ = 0;
  std::optional<record_id> after_;
};

} // namespace

void export_records(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  c.work->post([view = (*l)->snapshot(), gzip = r.gzip, to] {
    auto present = models_present(*view);
    if (!present)
      return to->send(error_reply(present.err()));
    reply lines;
    lines.content_type = "application/x-ndjson";
    lines.headers = "Vary: Accept-Encoding\r\n";
    lines.stream = std::make_shared<record_lines>(view, std::move(*present));
    if (gzip) {
      lines.headers += "Content-Encoding: gzip\r\n";
      lines.stream = std::make_shared<gzip_source>(std::move(lines.stream));
    }
    to->send(std::move(lines));
  });
}

} // namespace shoal::api
