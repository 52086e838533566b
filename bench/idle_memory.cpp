#include "idle_memory.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "idle_clients.hpp"
#include "idle_server.hpp"

import holdfast.testing;

namespace bench {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr std::size_t plain_count = 10'000;
constexpr std::size_t secure_count = 1'000;
constexpr std::size_t at_a_time = 500;  // fewer than the server's queue holds: none has to knock twice
constexpr auto patience = 60s;          // for all
constexpr auto system_store = "/etc/ssl/certs/ca-certificates.crt";

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// False: not within our patience.
bool open(net::io_context& context, idle_clients& clients, std::size_t count) {
  const auto end = clock::now() + patience;
  for (std::size_t started = 1; started <= count; ++started) {
    clients.start_one();
    if (started % at_a_time != 0 && started != count) continue;
    while (clients.opened() != started) {
      if (clock::now() > end) return false;
      context.run_one_for(100ms);
    }
  }
  return true;
}

void measure(benchmark::State& state, const idle_clients_maker& make, std::size_t count) {
  for (auto _ : state) {
    net::io_context context{1};
    const auto clients = make(context);
    ::malloc_trim(0);  // what was freed before must not count as resident
    const auto heap = heap_bytes();
    const auto resident = resident_bytes();
    const auto processor = processor_seconds();
    const auto start = clock::now();
    if (!open(context, *clients, count)) return state.SkipWithError("not all connections were open at once");
    const seconds taken = clock::now() - start;
    const auto spent = processor_seconds() - processor;
    context.run_for(100ms);  // what a handshake leaves to be done behind it
    if (clients->open_count() != count) return state.SkipWithError("not all connections stayed open");
    const auto connections = static_cast<double>(count);
    state.counters["connections"] = connections;
    state.counters["heap_KiB"] = (heap_bytes() - heap) / connections / 1024;
    state.counters["RSS_KiB"] = (resident_bytes() - resident) / connections / 1024;
    state.counters["CPU_ms"] = spent / connections * 1000;
    state.counters["opened_a_second"] = connections / taken.count();
  }
}

// The system's store with one authority more, for OpenSSL's defaults to find as long as this lives. The file
// has no name, so it leaves nothing behind.
class store_with {
 public:
  explicit store_with(const std::string& authority_pem) : fd_(::memfd_create("store", MFD_CLOEXEC)) {
    std::ostringstream all;
    all << std::ifstream(system_store).rdbuf() << authority_pem;
    const auto text = all.str();
    good_ = text.size() > authority_pem.size() && ::write(fd_, text.data(), text.size()) == std::ssize(text);
    // Connections share what they read of a file only if it has not changed within the last two seconds.
    std::this_thread::sleep_for(3s);
    ::setenv("SSL_CERT_FILE", ("/proc/self/fd/" + std::to_string(fd_)).c_str(), 1);
  }
  ~store_with() {
    ::unsetenv("SSL_CERT_FILE");
    ::close(fd_);
  }
  store_with(const store_with&) = delete;
  store_with& operator=(const store_with&) = delete;

  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  const int fd_;
  bool good_ = false;
};

}  // namespace

struct idle_memory::parts {
  parts() : shown(authority.issue({.ip = "127.0.0.1"})), identity(shown.certificate_pem, shown.key_pem) {}

  holdfast::testing::test_authority authority;
  holdfast::testing::issued_certificate shown;
  tls_identity identity;
  idle_server plain;
  idle_server secure{&identity};
};

double heap_bytes() {
  const auto now = ::mallinfo2();
  return static_cast<double>(now.uordblks + now.hblkhd);
}

idle_memory::idle_memory() : parts_(std::make_unique<parts>()) {}
idle_memory::~idle_memory() = default;

void idle_memory::register_all() const {
  const auto& all = *parts_;
  const auto authority_pem = all.authority.certificate_pem();
  const auto plain = std::min(plain_count, all.plain.capacity());
  const auto secure = std::min(secure_count, all.secure.capacity());
  const auto add = [](const char* name, std::size_t count, idle_clients_maker make,
                      std::string added_authority = {}) {
    benchmark::RegisterBenchmark(name,
                                 [=](benchmark::State& state) {
                                   const auto store = added_authority.empty()
                                                          ? nullptr
                                                          : std::make_unique<store_with>(added_authority);
                                   if (store && !store->good())
                                     return state.SkipWithError("the system's store cannot be read");
                                   measure(state, make, count);
                                 })
        ->Iterations(1)
        ->Repetitions(1)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("idle_memory/ws/beast", plain, idle_beast(all.plain.port(), {}));
  add("idle_memory/ws/holdfast", plain, idle_holdfast(all.plain.port(), {}));
  add("idle_memory/wss/beast", secure, idle_beast(all.secure.port(), authority_pem));
  add("idle_memory/wss/holdfast", secure, idle_holdfast(all.secure.port(), authority_pem));
  add("idle_memory/wss/holdfast_system_store", secure, idle_holdfast_system_store(all.secure.port()),
      authority_pem);
}

}  // namespace bench
