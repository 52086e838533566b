// One token source, four threads of a pool, many who ask at once; and contexts that end at different times.
// Made to be run under ThreadSanitizer and AddressSanitizer too.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(token_sources)

namespace {

constexpr int many = 16;
constexpr int rounds = 200;

// Gives out tokens, and counts how many fetches there are at the same time.
struct issuer {
  net::awaitable<credentials> fetch() {
    const int at_once = ++under_way;
    for (int most = most_at_once; at_once > most && !most_at_once.compare_exchange_weak(most, at_once);) {
    }
    for (int i = 0; i < 5; ++i) co_await net::post(co_await net::this_coro::executor, net::use_awaitable);
    --under_way;
    ++fetches;
    co_return credentials{.token = "token"};
  }
  std::atomic<int> under_way{0}, most_at_once{0}, fetches{0};
};

// Asks again and again, and says each time that the last ones were refused.
net::awaitable<void> insist(credential_provider provider, std::atomic<int>& answers,
                            std::atomic<int>& wrong) {
  std::uint64_t last = 0;
  for (int i = 0; i < rounds; ++i) {
    const credential_request ask{.refused = i % 2 == 1, .serial = last};
    const auto got = co_await provider(ask);
    ++answers;
    if (got.token != "token" || got.serial < last) ++wrong;
    if (i % 2 == 1 && got.serial == last) ++wrong;
    last = got.serial;
  }
}

}  // namespace

// covers R33, R41
BOOST_AUTO_TEST_CASE(askers_on_four_threads_all_get_an_answer_and_there_is_one_fetch_at_a_time) {
  issuer from;
  std::atomic<int> answers{0};
  std::atomic<int> wrong{0};
  net::thread_pool pool(4);
  const token_source source(pool.get_executor(), [&] { return from.fetch(); });
  for (int i = 0; i < many; ++i) {
    net::co_spawn(pool, insist(source.as_provider(), answers, wrong), net::detached);
  }
  pool.join();
  BOOST_TEST(answers == many * rounds);
  BOOST_TEST(wrong == 0);
  BOOST_TEST(from.most_at_once == 1);
  BOOST_TEST(from.fetches >= rounds / 2);
  BOOST_TEST(from.fetches < many * rounds);
}

BOOST_AUTO_TEST_CASE(cancellations_from_four_threads_end_each_wait_exactly_once) {
  issuer from;
  std::atomic<int> ends{0};
  net::thread_pool pool(4);
  const token_source source(pool.get_executor(), [&] { return from.fetch(); });
  for (int i = 0; i < many * rounds; ++i) {
    const auto strand = net::make_strand(pool);
    const auto cancel = std::make_shared<net::cancellation_signal>();
    net::post(strand, [&, strand, cancel] {
      net::co_spawn(strand, source.as_provider()({.refused = true}),
                    net::bind_cancellation_slot(
                        cancel->slot(), [&, cancel](std::exception_ptr, const credentials&) { ++ends; }));
    });
    if (i % 3 != 0) net::post(strand, [cancel] { cancel->emit(net::cancellation_type::terminal); });
  }
  pool.join();
  BOOST_TEST(ends == many * rounds);
}

// A connection's context may be gone when the fetch that it has asked for is done: the others hear of it.
BOOST_AUTO_TEST_CASE(a_context_that_ends_while_its_connection_waits_disturbs_nobody_else) {
  net::io_context io;
  auto other = std::make_unique<net::io_context>();
  std::optional<timer> held(io.get_executor());
  const token_source source(io.get_executor(), [&]() -> net::awaitable<credentials> {
    co_await held->async_wait_until(clock::now() + 1h, net::as_tuple(net::use_awaitable));
    co_return credentials{.token = "token"};
  });
  std::optional<std::string> got;
  net::co_spawn(*other, source.as_provider()({}),
                [](std::exception_ptr, const credentials&) { BOOST_ERROR("nobody is left to be told"); });
  other->poll();
  net::co_spawn(io, source.as_provider()({}),
                [&](std::exception_ptr, const credentials& what) { got = what.token; });
  io.poll();
  BOOST_TEST(!got.has_value());
  other.reset();
  held->cancel();
  io.restart();
  io.poll();
  BOOST_TEST((got == "token"));
}

BOOST_AUTO_TEST_SUITE_END()
