#!/usr/bin/env bash
# Include arrows: messages <- config <- store <- actors <- cli; sim sees actors/protocol and store/sync, cli sees sim. actors/protocol sees only messages and config; store/models
# and store/sync do not see each other; RocksDB is included by store/rocks_store.*, rocks_settings.*, rocks_ingest.*, rocks_memtable.*, rocks_log_file.*, rocks_table_file.* and rocks_write_batch.* alone (and by a bench's floor), CAF by actors alone,
# simdjson by one file, as its header is heavy;
# nothing includes tests or benches.
. "$(dirname "$0")/frame.bash"

# What files below a folder may include, as path prefixes; the first matching row counts.
allowed() {
  case $1 in
    messages/*) echo 'messages/' ;;
    config/*) echo 'messages/ config/' ;;
    store/models/*) echo 'messages/ config/ store/models/ store/edit.hpp store/record.hpp' ;;
    store/sync/*) echo 'messages/ config/ store/sync/ store/edit.hpp store/record.hpp' ;;
    store/*) echo 'messages/ config/ store/' ;;
    actors/protocol/*) echo 'messages/ config/ actors/protocol/' ;;
    actors/*) echo 'messages/ config/ store/ actors/' ;;
    # The simulator runs the protocol and the store logic; of the shell it takes one translation.
    sim/*) echo 'messages/ config/ store/edit.hpp store/record.hpp store/sync/ actors/protocol/ actors/stored_event.hpp sim/' ;;
    cli/*) echo 'messages/ config/ store/ actors/ sim/ cli/' ;;
  esac
}

violations() {
  local dir=$1 file line what prefix fits
  sources "$dir" "${code_folders[@]}" | while read -r file; do
    (grep -nE '^[[:space:]]*#[[:space:]]*include' "$dir/$file" || true) | while IFS= read -r line; do
      what=${line#*[<\"]}
      what=${what%%[>\"]*}
      fits=no
      if [[ $line =~ include[[:space:]]*\" ]]; then
        for prefix in $(allowed "$file"); do
          if [[ $what == "$prefix"* ]]; then fits=yes; fi
        done
      else
        case $what in
          rocksdb/*) if [[ $file == store/rocks_@(store|settings|ingest|memtable|log_file|table_file|write_batch).* || $file == cli/bench/floor_stream.cpp ]]; then fits=yes; fi ;;
          caf/*) if [[ $file == actors/* && $file != actors/protocol/* ]]; then fits=yes; fi ;;
          simdjson.h | simdjson/*) if [[ $file == actors/api/json_scan.cpp ]]; then fits=yes; fi ;;
          messages/* | config/* | store/* | actors/* | sim/* | cli/* | tests/* | benches/* | .*) ;;
          *) fits=yes ;;
        esac
      fi
      if [ $fits = no ]; then
        echo "$file:${line%%:*}: may not include $what; it may include: $(allowed "$file")"
      fi
    done
  done
}

must_pass messages/a.cpp '#include "messages/b.hpp"' '#include <vector>' '#include <sys/pidfd.h> // not in "unistd.h"'
must_find messages/a.cpp '#include "config/limits.hpp"'
must_find messages/a.cpp '#include "b.hpp"'
must_find messages/a.cpp '#include <store/edit.hpp>'
must_pass config/a.cpp '#include "messages/ids.hpp"'
must_find config/a.hpp '  #  include "store/edit.hpp"'
must_pass store/a.cpp '#include "store/sync/kv.hpp"' '#include "store/models/registry.hpp"'
must_find store/a.cpp '#include "actors/handles.hpp"'
must_pass store/models/a.cpp '#include "store/models/b.hpp"' '#include "store/edit.hpp"'
must_find store/models/a.cpp '#include "store/sync/kv.hpp"'
must_find store/models/deep/a.cpp '#include "store/sync/kv.hpp"'
must_find store/sync/a.cpp '#include "store/models/registry.hpp"'
must_find store/sync/a.cpp '#include "store/rocks_store.hpp"'
must_pass store/rocks_store.cpp '#include <rocksdb/db.h>'
must_pass store/rocks_settings.hpp '#include <rocksdb/options.h>'
must_find store/sync/kv.cpp '#include <rocksdb/db.h>'
must_find actors/a.cpp '#include <rocksdb/options.h>'
must_pass actors/protocol/a.cpp '#include "actors/protocol/b.hpp"' '#include "config/limits.hpp"'
must_find actors/protocol/a.cpp '#include "store/sync/kv.hpp"'
must_find actors/protocol/a.cpp '#include "actors/handles.hpp"'
must_find actors/protocol/a.cpp '#include <caf/all.hpp>'
must_pass actors/a.cpp '#include "store/sync/kv.hpp"' '#include <caf/actor.hpp>'
must_find actors/a.cpp '#include "cli/client.hpp"'
must_pass sim/a.cpp '#include "actors/protocol/replicator.hpp"' '#include "store/sync/replica.hpp"'
must_find sim/a.cpp '#include "actors/handles.hpp"'
must_find sim/a.cpp '#include "store/rocks_store.hpp"'
must_find sim/a.cpp '#include "tests/sim/planted.hpp"'
must_find sim/a.cpp '#include <caf/all.hpp>'
must_find actors/a.cpp '#include "sim/world.hpp"'
must_pass cli/a.cpp '#include "sim/campaign.hpp"'
must_find store/a.cpp '#include <caf/actor.hpp>'
must_find cli/a.cpp '#include <caf/all.hpp>'
must_pass cli/bench/floor_stream.cpp '#include <rocksdb/db.h>'
must_find cli/bench/a.cpp '#include <rocksdb/db.h>'
must_pass actors/api/json_scan.cpp '#include <simdjson.h>'
must_find actors/api/json_text.cpp '#include <simdjson.h>'
must_find cli/a.cpp '#include "tests/messages/bytes.hpp"'
must_find actors/a.cpp '#include "../messages/ids.hpp"'
hold "${1:-}"
