#include "tls_dials.hpp"

#include <benchmark/benchmark.h>

#include <boost/asio.hpp>
#include <thread>

#include "clients.hpp"
#include "idle_memory.hpp"
#include "server.hpp"

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace bench {
namespace {

namespace net = boost::asio;
namespace testing = holdfast::testing;

constexpr std::size_t dials = 50;  // of one iteration

// The context of one connection with default options: alone, and beside another one that shares the system's
// store.
void make_contexts(benchmark::State& state, bool beside) {
  const auto other = beside ? std::make_unique<holdfast::tls_context>(holdfast::tls_options{}) : nullptr;
  for (auto _ : state) benchmark::DoNotOptimize(holdfast::tls_context(holdfast::tls_options{}));
  const auto before = heap_bytes();
  const holdfast::tls_context one(holdfast::tls_options{});
  state.counters["KiB"] = (heap_bytes() - before) / 1024;
}

}  // namespace

struct tls_server::parts {
  net::io_context context{1};
  testing::test_authority authority;
  testing::server sessions{context.get_executor()};
  testing::loopback_port port{context.get_executor(), sessions};
  std::string url;
  std::thread thread;

  void measure(benchmark::State& state, bool resume) const {
    const auto client = make_holdfast_tls_client(url, authority.certificate_pem(), resume);
    client->redial(dials);  // warm
    const auto handshakes = sessions.handshakes();
    const auto resumptions = sessions.resumptions();
    for (auto _ : state) client->redial(dials);
    const auto all = static_cast<double>(sessions.handshakes() - handshakes);
    const auto resumed = static_cast<double>(sessions.resumptions() - resumptions);
    if (resume ? resumed < 0.95 * all : resumed > 0) {
      return state.SkipWithError("the server has not resumed what it should, or has what it should not");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(dials));
  }
};

tls_server::tls_server() : parts_(std::make_unique<parts>()) {
  const auto shown = parts_->authority.issue({.ip = "127.0.0.1"});
  parts_->sessions.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
  parts_->sessions.on_session([](testing::server_session&) -> net::awaitable<void> { co_return; });
  parts_->url = parts_->port.url();
  parts_->thread = std::thread([&context = parts_->context] {
    use_processor(1);
    context.run();
  });
}

tls_server::~tls_server() {
  parts_->context.stop();
  parts_->thread.join();
}

void tls_server::register_dials() const {
  for (const bool resume : {false, true}) {
    benchmark::RegisterBenchmark(
        resume ? "wss_dial/resumed" : "wss_dial/full",
        [&all = *parts_, resume](benchmark::State& state) { all.measure(state, resume); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  for (const bool beside : {false, true}) {
    benchmark::RegisterBenchmark(beside ? "tls_context/shared" : "tls_context/alone",
                                 [beside](benchmark::State& state) { make_contexts(state, beside); })
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace bench
