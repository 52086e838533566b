#include "workloads.hpp"

#include <benchmark/benchmark.h>

#include <functional>

#include "clients.hpp"

namespace bench {
namespace {

using work = std::function<void(client&)>;
using maker = std::unique_ptr<client> (*)(std::uint16_t, const std::string&);

struct entry {
  workload what;
  behaviour behind;
  std::size_t payload_bytes;
  std::size_t count;
  work run;
  bool single = false;  // measures one receive() per message as well
};

const std::vector<entry>& entries() {
  static const std::vector<entry> all = {
      {{"ping_pong_128", 1.0}, behaviour::echo, 128, 2'000, [](client& c) { c.echo(2'000, 1, 128); }},
      {{"echo_64_in_flight_128", 5.0},
       behaviour::echo,
       128,
       20'000,
       [](client& c) { c.echo(20'000, 64, 128); }},
      {{"receive_flood_128", 4.0}, behaviour::flood, 128, 50'000, [](client& c) { c.receive(50'000); }, true},
      {{"send_flood_128", 10.0}, behaviour::sink, 128, 20'000, [](client& c) { c.send(20'000, 128); }},
      {{"receive_64KiB", 0.95}, behaviour::flood, 65536, 500, [](client& c) { c.receive(500); }},
      {{"send_64KiB", 2.0}, behaviour::sink, 65536, 500, [](client& c) { c.send(500, 65536); }},
      {{"redial", 0.87}, behaviour::drop, 1, 200, [](client& c) { c.redial(200); }},  // 1 / 1.15
  };
  return all;
}

void add(const server& against, const entry& each, const std::string& who, maker make) {
  benchmark::RegisterBenchmark(
      (each.what.name + "/" + who).c_str(),
      [&against, &each, make](benchmark::State& state) {
        const auto client = make(against.port(), server::path(each.behind, each.payload_bytes));
        each.run(*client);  // warm
        for (auto _ : state) each.run(*client);
        state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(each.count));
      })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

const std::vector<workload>& workloads() {
  static const auto all = [] {
    std::vector<workload> out;
    for (const auto& each : entries()) out.push_back(each.what);
    return out;
  }();
  return all;
}

void register_workloads(const server& against) {
  for (const auto& each : entries()) {
    add(against, each, "beast", make_beast_client);
    add(against, each, "holdfast", make_holdfast_client);
    if (each.single) add(against, each, "holdfast_one_by_one", make_holdfast_single_client);
  }
}

}  // namespace bench
