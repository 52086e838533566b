// Compression through the kernel, with threads that send at once: the order of the compression is that of the
// frames, or nothing behind the first mistake could be read.
#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(compression_on_real_sockets)

namespace {

template <class T>
T get(std::future<T> from) {
  BOOST_REQUIRE((from.wait_for(patience) == std::future_status::ready));
  return from.get();
}

}  // namespace

BOOST_AUTO_TEST_CASE(threads_that_send_at_once_share_one_context) {
  constexpr int threads = 4;
  constexpr int each_sends = 300;
  net::thread_pool pool(2);
  server backend(pool.get_executor());
  backend.agree_to_compression({.enabled = true});
  const auto door = net::make_strand(pool);
  loopback_port port(door, backend);
  auto given = quick_options(port.url());
  given.compression = {.enabled = true, .minimum_bytes = 50};
  given.limits.outbound_messages = threads * each_sends;
  given.limits.outbound_bytes = 8U << 20U;
  connection conn(pool.get_executor(), given);
  conn.run(net::detached);
  get(conn.wait_for(connection_state::connected, net::use_future));

  std::vector<std::thread> senders;
  senders.reserve(threads);
  for (int thread = 0; thread < threads; ++thread) {
    senders.emplace_back([&conn, thread] {
      for (int i = 0; i < each_sends; ++i) {  // every third is too small to be compressed
        conn.send(std::to_string(thread) + ' ' + std::to_string(i) + std::string(i % 3 == 0 ? 0U : 400U, '.'),
                  net::detached);
      }
    });
  }
  std::map<std::string, int> next;
  for (int i = 0; i < threads * each_sends; ++i) {
    const auto got = get(conn.receive(net::use_future)).payload;
    const auto space = got.find(' ');
    auto& expected = next[got.substr(0, space)];
    BOOST_REQUIRE(std::stoi(got.substr(space + 1)) == expected);
    ++expected;
  }
  for (auto& each : senders) each.join();
  BOOST_TEST(conn.snapshot().session == 1U);
  get(conn.close(net::use_future));
  net::post(door, [&port] { port.shut(); });
  pool.join();
}

BOOST_AUTO_TEST_SUITE_END()
