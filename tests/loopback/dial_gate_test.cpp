// A thousand real sockets behind one gate: their server drops all of them, and they come back in turn.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(gate_of_real_sockets)

namespace {

// Counts what another gate grants.
class counting_gate final : public dial_gate {
 public:
  explicit counting_gate(std::shared_ptr<dial_gate> counted) : counted_(std::move(counted)) {}
  net::awaitable<dial_permit> enter(dial_request wanted) override {
    auto granted = std::make_shared<dial_permit>(co_await counted_->enter(std::move(wanted)));
    ++total;
    most_under_way = std::max(most_under_way, ++under_way_);
    co_return dial_permit([this, granted = std::move(granted)]() mutable {
      --under_way_;
      granted.reset();
    });
  }
  std::size_t total = 0;
  std::size_t most_under_way = 0;

 private:
  std::shared_ptr<dial_gate> counted_;
  std::size_t under_way_ = 0;
};

void allow_many_descriptors() {
  rlimit limit{};
  BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

struct crowd : loopback {
  crowd() {
    allow_many_descriptors();
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      open.push_back(session.shared_from_this());
      co_await session.echo();
    });
    given.gate = gate;
    const auto shared = std::make_shared<const options>(given);
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(io.get_executor(), shared).run(net::detached);
  }
  bool all_connect() {
    return run_until([&] {
      return std::ranges::all_of(
          all, [](const auto& each) { return each.status() == connection_state::connected; });
    });
  }
  static constexpr std::size_t count = 1'000;
  static constexpr std::size_t dials = 100;
  static constexpr std::chrono::milliseconds interval{100};
  static constexpr std::size_t under_way = 20;
  std::shared_ptr<counting_gate> gate = std::make_shared<counting_gate>(
      make_dial_gate({.dials = dials, .interval = interval, .under_way = under_way}));
  std::vector<std::shared_ptr<server_session>> open{};
  std::deque<connection> all{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_thousand_come_back_at_the_pace_of_the_gate) {
  crowd s;
  BOOST_REQUIRE(s.all_connect());
  BOOST_TEST(s.gate->total == crowd::count);
  const auto begun = std::chrono::steady_clock::now();
  for (const auto& each : std::exchange(s.open, {})) each->drop();
  BOOST_REQUIRE(s.run_until([&] { return s.gate->total >= 2 * crowd::count; }));
  BOOST_REQUIRE(s.all_connect());
  const auto intervals = (std::chrono::steady_clock::now() - begun) / crowd::interval + 1;
  BOOST_TEST(s.gate->total - crowd::count <= crowd::dials * static_cast<std::size_t>(intervals));
  BOOST_TEST(s.gate->most_under_way <= crowd::under_way);
}

BOOST_AUTO_TEST_SUITE_END()
