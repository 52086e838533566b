// Many workers and many keys in one world.
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenario.hpp"

import holdfast.fleet;

BOOST_AUTO_TEST_SUITE(large_fleet)

namespace {

namespace fleet = holdfast::fleet;

}  // namespace

// With HOLDFAST_LARGE_FLEET in the environment a hundred workers hold ten thousand keys; that takes a minute.
BOOST_AUTO_TEST_CASE(many_workers_hold_many_keys_and_go_on_without_one_of_them) {
  const bool is_large = std::getenv("HOLDFAST_LARGE_FLEET") != nullptr;
  const int workers = is_large ? 100 : 10;
  const int keys = is_large ? 10'000 : 300;
  world in(1);
  simulated_broker broker(in);
  machine console(in);
  std::map<std::string, int> holders;  // by key
  std::vector<std::unique_ptr<machine>> machines;
  std::vector<std::unique_ptr<fleet::worker>> all;
  int held = 0;
  const auto program = [&holders, &held](fleet::lease& lease) -> net::awaitable<void> {
    const auto key = lease.key();
    if (++holders[key] > 1) BOOST_ERROR("two hold " + key);
    ++held;
    co_await lease.ended();
    --held;
    --holders[key];
  };
  for (int n = 0; n < workers; ++n) {
    auto& one = *machines.emplace_back(std::make_unique<machine>(in));
    one.within([&] {
      all.push_back(std::make_unique<fleet::worker>(
          one.executor(), broker.seen_from(one),
          fleet::worker_options{.fleet = "large",
                                .id = "w" + std::to_string(n),
                                .shards = static_cast<std::uint32_t>(keys / 10),
                                .random_seed = static_cast<std::uint64_t>(n) + 1}));
      net::co_spawn(one.executor(), all.back()->run(program), net::detached);
    });
  }
  in.run_for(3s);
  net::co_spawn(
      console.executor(),
      [&]() -> net::awaitable<void> {
        const fleet::client admin(broker.seen_from(console));
        for (int n = 0; n < keys; ++n) {
          [[maybe_unused]] const auto added = co_await admin.add("tenant " + std::to_string(n));
        }
      },
      net::detached);
  BOOST_TEST(in.run_until([&] { return held == keys; }, 2min));
  in.run_for(10s);
  for (int n = 0; n < workers; ++n) BOOST_TEST(all[static_cast<std::size_t>(n)]->stats().shards <= 13U);
  for (const auto& key : all[0]->held_keys()) --holders[key];
  machines[0]->kill();
  in.run_for(25s);
  std::size_t of_others = 0;
  for (int n = 1; n < workers; ++n) of_others += all[static_cast<std::size_t>(n)]->held_keys().size();
  BOOST_TEST(of_others == static_cast<std::size_t>(keys));
  all.clear();
}

BOOST_AUTO_TEST_SUITE_END()
