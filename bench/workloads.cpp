#include "workloads.hpp"

#include <benchmark/benchmark.h>

#include <boost/asio/ip/address.hpp>
#include <utility>

#include "conversation.hpp"

import holdfast;
import holdfast.testing;

namespace bench {
namespace {

constexpr std::size_t small = 128;
constexpr std::size_t large = 65536;

contender beast() { return {.name = "beast", .make = make_beast_client}; }
contender ours(way by, double bar) {
  const auto* name = by == way::awaited ? "co_await" : by == way::batches ? "batch" : "handler";
  return {.name = name, .bar = bar, .make = [by](const target& to) { return make_holdfast_client(to, by); }};
}

workload ping_pong(std::string name, bool secure, std::vector<contender> clients) {
  return {std::move(name),
          secure,
          {behaviour::echo, small},
          2'000,
          [](client& c, std::size_t count) { c.echo(count, 1, small); },
          std::move(clients)};
}
workload echo(std::string name, bool secure, std::vector<contender> clients) {
  return {std::move(name),
          secure,
          {behaviour::echo, small},
          20'000,
          [](client& c, std::size_t count) { c.echo(count, 64, small); },
          std::move(clients)};
}
workload receive(std::string name, bool secure, job behind, std::size_t count,
                 std::vector<contender> clients) {
  return {std::move(name),   secure, behind, count, [](client& c, std::size_t wanted) { c.receive(wanted); },
          std::move(clients)};
}
workload send(std::string name, bool secure, std::size_t bytes, std::size_t count,
              std::vector<contender> clients) {
  return {std::move(name),
          secure,
          {behaviour::sink, bytes},
          count,
          [bytes](client& c, std::size_t wanted) { c.send(wanted, bytes); },
          std::move(clients)};
}

}  // namespace

const std::vector<workload>& workloads() {
  using enum way;
  static const job flood{behaviour::flood, small};
  static const job flood_of_text{behaviour::flood, small, true};
  static const std::vector<workload> all{
      ping_pong("ping_pong_128", false, {beast(), ours(awaited, 1.08), ours(batches, 1.08)}),
      echo("echo_64_in_flight_128", false, {beast(), ours(awaited, 6), ours(batches, 14)}),
      receive("receive_flood_128", false, flood, 50'000,
              {beast(), ours(awaited, 6), ours(batches, 8), ours(handler, 8)}),
      receive("receive_flood_text_128", false, flood_of_text, 50'000,
              {beast(), ours(awaited, 6), ours(batches, 8), ours(handler, 8)}),
      send("send_flood_128", false, small, 20'000, {beast(), ours(awaited, 1.3), ours(batches, 70)}),
      receive("receive_64KiB", false, {behaviour::flood, large}, 500,
              {beast(), ours(awaited, 1), ours(batches, 1)}),
      send("send_64KiB", false, large, 500, {beast(), ours(awaited, 1), ours(batches, 3)}),
      {"compressed_echo_1KiB",
       false,
       {behaviour::compressed, conversation::message_bytes, true},
       2'000,
       [](client& c, std::size_t count) { c.echo(count, 64, conversation::message_bytes); },
       {beast(), ours(awaited, 2.2), ours(batches, 2.2)}},
      {"redial",
       false,
       {behaviour::drop, 1},
       200,
       [](client& c, std::size_t count) { c.redial(count); },
       {beast(), ours(awaited, 1.1)}},
      ping_pong("wss_ping_pong_128", true, {beast(), ours(awaited, 1.1), ours(batches, 1.1)}),
      echo("wss_echo_64_in_flight_128", true, {beast(), ours(awaited, 4), ours(batches, 5)}),
      receive("wss_receive_flood_128", true, flood, 50'000, {beast(), ours(awaited, 4), ours(batches, 5)}),
      send("wss_send_flood_128", true, small, 20'000, {beast(), ours(awaited, 1.15), ours(batches, 30)}),
  };
  return all;
}

struct servers::parts {
  parts() : shown(authority.issue({.ip = "127.0.0.1"})), identity(shown.certificate_pem, shown.key_pem) {}

  holdfast::testing::test_authority authority;
  holdfast::testing::issued_certificate shown;
  tls_identity identity;
  server plain;
  server secure{&identity};
};

servers::servers() : parts_(std::make_unique<parts>()) {}
servers::~servers() = default;

target servers::of(const workload& one) const {
  return {.port = one.secure ? parts_->secure.port() : parts_->plain.port(),
          .path = server::path(one.behind),
          .text = one.behind.text,
          .authority_pem = one.secure ? parts_->authority.certificate_pem() : std::string(),
          .compressed = one.behind.what == behaviour::compressed};
}
double servers::compressed_bytes() const { return parts_->plain.compressed_bytes(); }

payloads::payloads(std::size_t bytes, bool compressed) {
  if (!compressed) {
    fixed_.assign(bytes, 'x');
    return;
  }
  static const auto texts = [] {
    conversation source;
    std::vector<std::string> out(4'096);
    for (auto& each : out) each = source.next();
    return out;
  }();
  conversation_ = &texts;
}

void register_workloads(const servers& against) {
  for (const auto& each : workloads()) {
    for (const auto& who : each.clients) {
      benchmark::RegisterBenchmark(
          (each.name + "/" + who.name).c_str(),
          [&against, &each, &who](benchmark::State& state) {
            const auto client = who.make(against.of(each));
            each.run(*client, each.count);  // warm
            for (auto _ : state) each.run(*client, each.count);
            state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(each.count));
            if (each.behind.what == behaviour::compressed)
              state.counters["wire_bytes"] = against.compressed_bytes();
          })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace bench
