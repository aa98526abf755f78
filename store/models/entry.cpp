#include "store/models/builtin.hpp"

namespace shoal::models {

/// An indexed directory tree. Its entries name it as their parent, so deleting it deletes them; its
/// own link to the root entry is a plain reference, else the two would be each other's parents.
model_def location_model() {
  model_def m;
  m.name = "location";
  m.cls = record_class::owned;
  m.fields = {
      required("name", value_type::string),
      required("path", value_type::string),
      reference("volume_id", "volume"),
      reference("entry_id", "entry"),
      optional("index_mode", value_type::string),
      optional("total_file_count", value_type::integer),
      optional("total_byte_size", value_type::integer),
      optional("last_scan_at", value_type::time),
  };
  return m;
}

/// A file, directory or symlink of a location.
model_def entry_model() {
  model_def m;
  m.name = "entry";
  m.cls = record_class::owned;
  m.fields = {
      required("name", value_type::string),         required("kind", value_type::string),
      optional("extension", value_type::string),    optional("size", value_type::integer),
      cascading("location_id", "location"),         cascading("parent_id", "entry"),
      optional("modified_at", value_type::time),    optional("created_at", value_type::time),
      optional("permissions", value_type::string),  optional("inode", value_type::integer),
      optional("content_hash", value_type::string), optional("child_count", value_type::integer),
  };
  return m;
}

} // namespace shoal::models
