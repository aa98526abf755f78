#!/usr/bin/env bash
# Sync code and actors know no model by name: a registry dispatches. The node's own `device` record is the exception
# that DESIGN.md makes, and `tag`, `entry` and `collection` are
# ordinary words too, banned only as whole string literals and as ids.
. "$(dirname "$0")/frame.bash"

violations() {
  local dir=$1 file
  sources "$dir" store/sync actors | while read -r file; do
    # Comments may explain by example; code may not.
    sed -E 's@//.*@@' "$dir/$file" |
      (grep -nE '"(volume|location|entry|tag|tag_relationship|collection|collection_entry|user_metadata|user_metadata_tag)"|\<(volumes?|locations?)\>|\<(location|entry|tag|collection|volume)_ids?\>|tag_relationship|collection_entry|user_metadata|canonical_name' || true) |
      sed "s|^|$file:|; s|\$|  <- names a model|"
  done
}

must_find store/sync/a.cpp 'if (model == "tag")'
must_find store/sync/a.cpp 'switch (volume) {'
must_find actors/a.cpp 'fields.find("canonical_name");'
must_find actors/api/a.cpp 'const auto location_id = 1;'
must_find actors/a.hpp 'struct user_metadata_row {};'
must_find actors/a.hpp 'return model == "entry";'
must_pass actors/a.cpp '// a tag of a volume' 'for (const auto& entry : entries)' 'std::source_location here;' 'struct device_tag;' 'for (char tag : tags)'
must_pass store/models/a.cpp 'add("volume");'
must_pass tests/store/a.cpp 'add("volume");'
hold "${1:-}"
