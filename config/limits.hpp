#pragma once
// Every bound and delay of this program that is not a key of shoal.toml and not part of the
// protocol (messages/wire_limits.hpp has those). The unit is in the name, the reason beside it.

#include <cstddef>
#include <cstdint>

namespace shoal::limits {

constexpr size_t kib = 1024;
constexpr size_t mib = 1024 * kib;

// ---- configuration

constexpr size_t config_file_bytes_max =
    4 * mib; // 4,096 members in several libraries take less than 1 MiB
constexpr size_t secret_file_bytes_max =
    64 * kib; // a key, a certificate or a token; PEM of an Ed25519 key has 119 bytes
constexpr size_t token_bytes_min = 16;    // shorter ones can be guessed
constexpr size_t token_random_bytes = 32; // what `shoal init` makes: 256 bits

// ---- links

constexpr uint64_t heartbeat_misses = 3; // one may be lost to a pause of the peer, three are not
constexpr uint64_t handshake_timeout_ms =
    5'000; // TLS and Hello; a mute peer must not hold a slot longer
constexpr uint64_t duplicate_ping_ms =
    2'000; // the older link of a device seen twice answers within this, or is replaced
constexpr uint64_t crossing_dial_ms =
    500; // a connection that would lose against this node's own dial waits so long for it

// ---- dialling; the waits between are keys of [sync]

constexpr uint64_t backoff_reset_ms =
    10'000; // a link that lived this long starts again at the first wait
constexpr uint64_t breaker_opens_after =
    5; // failures in a row before `peers` shows the breaker open

// ---- members that break a rule

constexpr uint64_t rest_initial_ms = 1'000;       // they are refused so long after the first time,
constexpr uint64_t rest_max_ms = 300'000;         // twice as long each time, at most this,
constexpr uint64_t rest_forgotten_ms = 3'600'000; // until nothing was broken for so long

// ---- commits

constexpr size_t group_commit_requests_max =
    1'024; // one sync answers at most this many; more only adds latency
constexpr size_t group_commit_bytes_max = 4 * mib; // as large as the largest atomic batch
// What a store writer does in the thread of the sockets: no more at a time than links can wait for.
constexpr size_t small_group_jobs_max = 4; // writes and ranges; others cost their bytes only
constexpr size_t small_group_bytes_max = 16 * kib;
constexpr size_t small_group_op_bytes = 512; // that an op costs beside its values: so at most 32
constexpr size_t small_group_read_max = 64 * kib; // of each write; see kv_transaction::limit_reads
constexpr uint64_t small_group_us_max = 5'000;    // one that took longer: the disk is slow, for all
constexpr uint64_t slow_disk_ms = 50;             // libraries and at least so long
// After such a one it is watched for so long how much of it was a wait for a processor.
constexpr uint64_t run_delay_watch_ms = 10'000;
constexpr unsigned small_groups_before_return = 8; // in a row, on a thread of the writer's own
constexpr size_t ingest_bytes_min =
    1 * mib; // a batch of this goes to disk as table files: half a dozen syncs, and no second copy

// ---- reading

constexpr size_t range_read_bytes =
    1 * mib; // one step of a reader on behalf of a peer that is behind
constexpr size_t compared_intervals_at_once =
    64; // 32,768 versions for one answer: a tenth of a second of a reader
constexpr size_t reader_threads = 2; // long scans, for all libraries together

// ---- pruning and held ops

constexpr uint64_t needs_snapshot_after_ms =
    60'000; // not linked for this long, before retention may pass a member over
constexpr size_t prune_marks_max = 2'000;         // rows in one pass over the marks of deletes
constexpr size_t prune_batch_rows = 10'000;       // one removal batch, so that writes get between
constexpr size_t conflicts_kept_max = 1'000;      // per library; the oldest go
constexpr uint64_t forged_shown_us = 600'000'000; // the alarm on records that were not signed
constexpr size_t forged_shown_max = 32;
constexpr uint64_t quarantined_ops_max =
    10'000; // of one origin, stamped too far ahead; the next stay with their sender
constexpr size_t release_ops_max = 2'000; // held ops merged in one group, beside its writes
constexpr uint64_t release_poll_ms =
    1'000; // at most so long between two looks at held ops: the wall may step
constexpr size_t deadletters_listed_max = 1'000; // in one answer

// ---- disk

constexpr uint64_t disk_check_ms = 1'000; // between looks at a disk that had too little room
constexpr uint64_t disk_slack_part =
    16; // writes begin again with this part of the reserve more than it: no flapping at its edge
constexpr size_t disk_held_bytes_max =
    32 * mib; // ranges that came before the disk was found full, per library; then links are closed
constexpr uint64_t reopen_ms = 2'000;          // between tries to open a store that the disk failed
constexpr size_t block_cache_bytes = 16 * mib; // shared by all libraries of the process
constexpr size_t write_buffers_bytes = 64 * mib; // shared as well
constexpr int open_files_max = 512;              // per library; links need descriptors too

// ---- the life of a library

constexpr uint64_t high_water_ms = 1'000; // the mark outside of a store lags at most this behind it
constexpr uint64_t leave_wait_ms =
    30'000; // for another member to hold everything, before a library is left
constexpr uint64_t alarm_ms =
    10'000; // an alarm about a link goes two longest retries and this after it was met last
constexpr uint64_t peer_line_ms = 1000;     // log lines about links to one peer: one a second,
constexpr uint64_t peer_lines_at_once = 20; // after so many
constexpr uint64_t departure_told_ms =
    30ULL * 24 * 3600 * 1000; // so long members are dialled to be told that a library was left
constexpr uint64_t close_wait_ms = 10'000; // for whoever still reads a store that is to be closed
constexpr uint64_t removed_retry_ms =
    600'000; // a removed device asks this often whether it was taken back

// ---- start and stop

constexpr uint64_t offer_ms =
    2'000; // at a stop: for linked peers to take what is durable here and not there

constexpr size_t devcluster_nodes_max =
    200; // about 10 GiB on one machine; more is for the simulator
constexpr uint64_t devcluster_start_ms = 20'000; // until a node accepts work, on a busy machine,
constexpr uint64_t devcluster_start_ms_per_node =
    500; // and more of it with every node that starts beside it
constexpr uint64_t devcluster_stop_ms = 10'000; // twice stop_ms

constexpr uint64_t stop_ms =
    5'000; // SIGTERM to exit; a watchdog ends what hangs, after the store is closed

} // namespace shoal::limits
