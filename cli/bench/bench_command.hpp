#pragma once
// shoal bench: what main.cpp adds to the command line.

namespace CLI {
class App;
}

namespace shoal::cli {

struct context;

/// bench broadcast, throughput, catchup, backfill, writes. `ctx` outlives the parse.
void add_bench_command(CLI::App& app, context& ctx);

} // namespace shoal::cli
