#include "actors/metrics.hpp"

#include "actors/clocks.hpp"
#include "messages/shown.hpp"

#include <prometheus/text_serializer.h>

namespace shoal {

using namespace prometheus;

struct metrics::families {
  Family<Counter>& writes;
  Family<Counter>& sent;
  Family<Counter>& received;
  Family<Counter>& applied;
  Family<Counter>& rejected;
  Family<Counter>& bytes_sent;
  Family<Counter>& bytes_received;
  Family<Counter>& mismatch;
  Family<Counter>& conflicts;
  Family<Counter>& breaches;
  Family<Histogram>& commit;
  Family<Histogram>& apply;
  Family<Histogram>& broadcast;
};

static Family<Counter>& counter(Registry& r, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(r);
}
static Family<Histogram>& histogram(Registry& r, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(r);
}

metrics::metrics()
    : families_(new families{
        counter(registry_, "shoal_writes_total", "Local ops committed"),
        counter(registry_, "shoal_ops_sent_total", "Ops sent, counted once for each peer"),
        counter(registry_, "shoal_ops_received_total", "Ops received"),
        counter(registry_, "shoal_ops_applied_total", "Received ops that were committed"),
        counter(registry_, "shoal_ops_rejected_total", "Received ops that were refused"),
        counter(registry_, "shoal_bytes_sent_total", "Bytes of frames sent, before TLS"),
        counter(registry_, "shoal_bytes_received_total", "Bytes of frames received, before TLS"),
        counter(registry_, "shoal_digest_mismatch_total",
                "Heartbeats that showed another digest at an equal frontier"),
        counter(registry_, "shoal_conflicts_total",
                "Concurrent writes to one field that were seen"),
        counter(registry_, "shoal_peer_breaches_total",
                "Links that were closed because the member did what no honest one does"),
        histogram(registry_, "shoal_commit_seconds", "From a write's arrival to its sync"),
        histogram(registry_, "shoal_apply_seconds", "From a range's arrival to its sync"),
        histogram(registry_, "shoal_broadcast_seconds",
                  "From a write's sync to the last ack of those connected"),
    }) {}

metrics::~metrics() = default;

void metrics::count_breach(const std::string& peer) {
  families_->breaches.Add({{"peer", peer}}).Increment();
}

library_metrics metrics::add_library(const std::string& name) {
  const Labels labels{{"library", name}};
  const Histogram::BucketBoundaries bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                           0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
  library_metrics m;
  m.writes = &families_->writes.Add(labels);
  m.ops_sent = &families_->sent.Add(labels);
  m.ops_received = &families_->received.Add(labels);
  m.ops_applied = &families_->applied.Add(labels);
  m.ops_rejected = &families_->rejected.Add({{"library", name}, {"reason", "refused"}});
  m.ops_forged = &families_->rejected.Add({{"library", name}, {"reason", "forged"}});
  m.bytes_sent = &families_->bytes_sent.Add(labels);
  m.bytes_received = &families_->bytes_received.Add(labels);
  m.digest_mismatch = &families_->mismatch.Add(labels);
  m.conflicts = &families_->conflicts.Add(labels);
  m.commit_seconds = &families_->commit.Add(labels, bounds);
  m.apply_seconds = &families_->apply.Add(labels, bounds);
  m.broadcast_seconds = &families_->broadcast.Add(labels, bounds);
  return m;
}

std::string metrics::render(const std::vector<api::library_status>& libraries,
                            const std::vector<double>& hlc_drift_seconds, disk_space& disk,
                            uint64_t connections_refused) {
  // Gauges live in a registry of their own that is made for each answer: what is gone leaves no
  // series behind.
  Registry gauges;
  const auto gauge = [&](const char* name, const char* help) -> Family<Gauge>& {
    return BuildGauge().Name(name).Help(help).Register(gauges);
  };
  auto& log = gauge("shoal_log_entries", "Entries of the shared log");
  auto& tombstones = gauge("shoal_tombstones", "Delete marks that stand");
  auto& deadletters = gauge("shoal_deadletter_ops", "Ops that are held but not merged");
  auto& full = gauge("shoal_quarantine_full_members",
                     "Members of which no more ops are taken: too many wait for their time");
  auto& progress =
      gauge("shoal_backfill_progress_ratio", "Progress of a backfill, 1 when there is none");
  auto& state = gauge("shoal_state", "1 for the state the library is in");
  auto& drift =
      gauge("shoal_hlc_drift_seconds", "By how much the logical clock is ahead of the wall");
  auto& connected = gauge("shoal_peer_connected", "1 while the member is linked");
  auto& info = gauge("shoal_peer_info",
                     "1 for each member, with its name as a label, or its id until it told one");
  auto& rtt = gauge("shoal_peer_rtt_seconds", "Round trip to the member");
  auto& offset = gauge("shoal_peer_clock_offset_seconds", "The member's clock against this one");
  auto& behind = gauge("shoal_peer_behind_ops", "Ops that one side lacks of what the other holds");
  auto& seen = gauge("shoal_peer_last_seen_seconds", "Since the member's last sign of life");
  auto& retry = gauge("shoal_retry_scheduled", "1 while a dial of the member waits for its time");
  auto& records = gauge("shoal_records", "Live records");
  gauge("shoal_disk_free_bytes", "Room on the disk of data_dir")
      .Add({})
      .Set(static_cast<double>(disk.free_bytes()));
  gauge("shoal_disk_reserve_bytes", "With less free the node is read-only")
      .Add({})
      .Set(static_cast<double>(disk.reserve_bytes()));
  gauge("shoal_disk_read_only", "1 while the disk has less room than the reserve")
      .Add({})
      .Set(disk.low() ? 1 : 0);
  BuildCounter()
      .Name("shoal_connections_refused_total")
      .Help("Inbound connections that did not become links")
      .Register(gauges)
      .Add({})
      .Increment(static_cast<double>(connections_refused));
  for (size_t i = 0; i < libraries.size(); ++i) {
    const auto& l = libraries[i];
    const Labels labels{{"library", l.name}};
    log.Add(labels).Set(static_cast<double>(l.log_entries));
    tombstones.Add(labels).Set(static_cast<double>(l.tombstones));
    deadletters.Add(labels).Set(static_cast<double>(l.deadletters));
    full.Add(labels).Set(static_cast<double>(l.quarantine_full.size()));
    progress.Add(labels).Set(l.state == "backfilling" ? l.progress : 1);
    for (const char* s : {"uninitialized", "backfilling", "catching_up", "ready", "paused",
                          "removed", "failed", "closing"})
      state.Add({{"library", l.name}, {"state", s}}).Set(l.state == s ? 1 : 0);
    drift.Add(labels).Set(i < hlc_drift_seconds.size() ? hlc_drift_seconds[i] : 0);
    for (const auto& [model, n] : l.records)
      records.Add({{"library", l.name}, {"model", model}}).Set(static_cast<double>(n));
    for (const auto& m : l.members) {
      if (m.state == "removed")
        continue;
      // From 0 on: a rate says nothing of a series that begins at 1.
      (void)families_->breaches.Add({{"peer", to_string(m.device)}});
      const Labels peer{{"library", l.name}, {"peer", to_string(m.device)}};
      connected.Add(peer).Set(m.connected ? 1 : 0);
      const auto name = m.name.empty() ? to_string(m.device) : shown(m.name);
      info.Add({{"library", l.name}, {"peer", to_string(m.device)}, {"name", name}}).Set(1);
      retry.Add(peer).Set(m.next_try_ms != 0 ? 1 : 0);
      if (m.rtt_ms)
        rtt.Add(peer).Set(*m.rtt_ms / 1000);
      if (m.clock_offset_ms)
        offset.Add(peer).Set(*m.clock_offset_ms / 1000);
      behind.Add({{"library", l.name}, {"peer", to_string(m.device)}, {"direction", "in"}})
          .Set(static_cast<double>(m.behind_in));
      behind.Add({{"library", l.name}, {"peer", to_string(m.device)}, {"direction", "out"}})
          .Set(static_cast<double>(m.behind_out));
      if (m.last_seen_ms != 0)
        seen.Add(peer).Set(static_cast<double>(wall_ms() - std::min(wall_ms(), m.last_seen_ms))
                           / 1000);
    }
  }
  const TextSerializer text;
  return text.Serialize(registry_.Collect()) + text.Serialize(gauges.Collect());
}

} // namespace shoal
