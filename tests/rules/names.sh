#!/usr/bin/env bash
# Names that mean "the rest" are banned in C++ file, folder and type names: manager, helper, util, common, misc, handler,
# service, processor. What a file or a type is for has a name of its own.
. "$(dirname "$0")/frame.bash"

banned='(managers?|helpers?|utils?|utility|utilities|common|misc|handlers?|services?|processors?)'

violations() {
  local dir=$1
  sources "$dir" "${code_folders[@]}" tests benches |
    (grep -iE "(^|[/_.-])$banned([/_.-]|\$)" || true) | sed 's/$/: a banned word in its name/'
  sources "$dir" "${code_folders[@]}" tests benches | while read -r file; do
    sed -E 's@//.*@@' "$dir/$file" |
      (grep -niE "\<(class|struct|union|enum|concept|using|enum class|enum struct)[[:space:]]+([a-z0-9_]+_)?$banned(_[a-z0-9_]+)?[[:space:]]*([:;{=]|final|\$)" || true) |
      sed "s|^|$file:|; s|\$|  <- a banned word in a type's name|"
    sed -E 's@//.*@@' "$dir/$file" |
      (grep -nE '\<(class|struct|union|enum|concept)[[:space:]]+[A-Za-z0-9]*(Manager|Helper|Util|Common|Misc|Handler|Service|Processor)' || true) |
      sed "s|^|$file:|; s|\$|  <- a banned word in a type's name|"
  done
}

must_find messages/string_utils.hpp 'int a;'
must_find actors/manager/a.cpp 'int a;'
must_find cli/common.cpp 'int a;'
must_find tests/nodes/node_helper.hpp 'int a;'
must_find store/a.hpp 'class log_manager {'
must_find store/a.hpp 'struct helper;'
must_find store/a.hpp 'class backfill_handler final : public x {'
must_find store/a.hpp 'using op_processor = int;'
must_find store/a.hpp 'enum class service_kind : int {'
must_find store/a.hpp 'class PeerManager'
must_pass store/commit.hpp 'class committer {' '// no manager here' 'struct handle { int utility_of = 0; };'
must_pass actors/handles.hpp 'using answer = std::common_type_t<int>;' 'auto on_signal_handler = 1;'
hold "${1:-}"
