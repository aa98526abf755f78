// GET …/backup: all of a library's store, out of one view, while it is written to.

#include "actors/api/routes.hpp"
#include "store/backup.hpp"

#include <chrono>

namespace shoal::api {

namespace {

class backup_body final : public body_source {
public:
  explicit backup_body(backup_pieces pieces) : pieces_(std::move(pieces)) {}
  result<bool> produce(std::string& out) override { return pieces_.next(out); }

private:
  backup_pieces pieces_;
};

} // namespace

void back_up(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  auto l = find_library(*c.self, r.args[0]);
  if (!l)
    return to->send(error_reply(l.err()));
  auto view = (*l)->snapshot();
  // A library that is closed says so before the answer begins.
  if (auto readable = view->get(family::meta, "format"); !readable)
    return to->send(error_reply(readable.err()));
  backup_header about;
  about.library = (*l)->id();
  about.name = (*l)->name();
  about.device = c.self->device();
  about.version = SHOAL_VERSION;
  about.made_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::system_clock::now().time_since_epoch())
                                            .count());
  reply all;
  all.content_type = "application/octet-stream";
  all.stream = std::make_shared<backup_body>(backup_pieces(std::move(view), std::move(about)));
  to->send(std::move(all));
}

} // namespace shoal::api
