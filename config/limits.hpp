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

constexpr uint64_t heartbeat_misses = 3;  // one may be lost to a pause of the peer, three are not
constexpr uint64_t dial_round_ms = 3'000; // a node nobody answers is `ready` by itself after this
constexpr uint64_t connect_timeout_ms = 5'000; // the kernel alone would try for two minutes
constexpr uint64_t handshake_timeout_ms =
    5'000; // TLS and Hello; a mute peer must not hold a slot longer
constexpr uint64_t duplicate_ping_ms =
    2'000; // the older link of a device seen twice answers within this, or is replaced
constexpr uint64_t crossing_dial_ms =
    500; // a connection that would lose against this node's own dial waits so long for it
constexpr size_t unauthenticated_links_max = 128;      // before a certificate was proved
constexpr size_t unauthenticated_per_address_max = 16; // several nodes of one lab share an address
constexpr size_t links_max = 1'024;                    // authenticated; 34 KiB of TLS buffers each
constexpr size_t descriptors_reserved =
    64; // for RocksDB and the API, when links would take the last
constexpr size_t link_send_buffer_bytes_max =
    8 * mib;                               // beyond credit: a peer that never reads is cut at this
constexpr uint64_t goodbye_flush_ms = 500; // for the last frames of a link that closes in order

// ---- backoff: retry_initial_ms doubling to retry_max_seconds, with full jitter

constexpr uint64_t backoff_factor = 2;
constexpr uint64_t backoff_doublings_max = 30; // 2^30 of the smallest first wait is above any cap
constexpr uint64_t backoff_reset_ms =
    10'000; // a link that lived this long starts again at the first wait
constexpr uint64_t breaker_opens_after =
    5; // failures in a row before `peers` shows the breaker open

// ---- commits

constexpr size_t group_commit_requests_max =
    1'024; // one sync answers at most this many; more only adds latency
constexpr size_t group_commit_bytes_max = 4 * mib;   // as large as the largest atomic batch
constexpr size_t waiting_writes_max = 8'192;         // then 429: clients wait, memory does not grow
constexpr size_t waiting_write_bytes_max = 64 * mib; // the same in bytes
constexpr uint64_t ack_delay_ms =
    2; // link acks of one burst travel together; far below any RTT that matters
constexpr size_t ack_ops_max = 256; // but at least one ack for this many ops

// ---- sending

constexpr size_t live_ring_bytes =
    4 * mib; // newest encoded ops per library; a peer further behind reads the store
constexpr size_t batch_bytes_max = 1 * mib; // a batch or page ends at its count or at this
constexpr size_t range_read_bytes =
    1 * mib; // one step of a reader on behalf of a peer that is behind
constexpr size_t backfill_sessions_max =
    4; // at once, per node: each holds a RocksDB snapshot at its source
constexpr size_t backfill_pages_ahead = 2; // asked for before the last was committed: hides one RTT
constexpr size_t compared_intervals_at_once =
    64; // 32,768 versions for one answer: a tenth of a second of a reader
constexpr size_t reader_threads = 2;          // long scans, for all libraries together
constexpr uint64_t zstd_from_bytes = 1 * kib; // below it, compressing costs more than it saves
constexpr int zstd_level = 1; // 300 MB/s and more per core: never slower than the disk

// ---- pruning and clocks

constexpr uint64_t needs_snapshot_after_ms =
    60'000; // not linked for this long, before retention may pass a member over
constexpr size_t prune_marks_max = 2'000;      // rows in one pass over the marks of deletes
constexpr size_t prune_batch_rows = 10'000;    // one removal batch, so that writes get between
constexpr uint64_t digest_compare_ms = 10'000; // at most this often per peer, when both are settled
constexpr size_t conflicts_kept_max = 1'000;   // per library; the oldest go
constexpr size_t release_ops_max = 2'000;      // held ops merged in one group, beside its writes
constexpr uint64_t release_poll_ms =
    1'000; // at most so long between two looks at held ops: the wall may step
constexpr size_t deadletters_listed_max = 1'000; // in one answer
constexpr size_t idempotency_keys_max = 100'000; // per library
constexpr uint64_t idempotency_hours = 24;

// ---- disk

constexpr uint64_t disk_free_bytes_min =
    uint64_t{128} * mib; // below it writes get 507: RocksDB aborts on a full disk
constexpr uint64_t disk_check_ms = 1'000;
constexpr size_t block_cache_bytes = 16 * mib;   // shared by all libraries of the process
constexpr size_t write_buffers_bytes = 64 * mib; // shared as well
constexpr int open_files_max = 512;              // per library; links need descriptors too

// ---- HTTP API

constexpr size_t http_body_bytes_max = 16 * mib;
constexpr size_t http_header_bytes_max = 16 * kib;
constexpr size_t http_connections_max = 256; // one thread serves them
constexpr uint64_t http_idle_ms = 60'000;
constexpr uint64_t http_request_ms = 30'000; // from the first byte to the last of a request
constexpr size_t page_records_default = 100; // ?limit= not given
constexpr size_t page_records_max = 10'000;
constexpr size_t feed_token_records = 1'000; // a change feed carries a token at least this often,
constexpr uint64_t feed_token_ms = 1'000;    // and this often
constexpr size_t feed_buffer_bytes_max =
    4 * mib; // a follower that reads slower is continued from the store
constexpr uint64_t wait_default_seconds = 30;
constexpr uint64_t wait_max_seconds = 3'600;

// ---- the life of a library

constexpr uint64_t high_water_ms = 1'000; // the mark outside of a store lags at most this behind it
constexpr uint64_t leave_wait_ms =
    30'000; // for another member to hold everything, before a library is left
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
