// The backend of a fleet under test: a chat server that speaks holdfast.v1 at a port of its own, tells events
// to each client that has logged in, and keeps count of what comes back. The first line that it prints is its
// URL. It obeys lines of standard input: "mark" begins to measure gaps anew, "stop" ends the events, "report"
// prints one line of JSON.
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace {

namespace net = boost::asio;
namespace json = boost::json;
namespace testing = holdfast::testing;
using steady = std::chrono::steady_clock;

// Of one key, which its holder gives as its token.
struct tenant {
  std::string client{};    // the name of its session's owner
  std::uint64_t told = 0;  // events
  std::uint64_t anew = 0;  // sessions that did not go on with an earlier one
  std::uint64_t newest_epoch = 0;
  std::set<std::uint64_t> answered{};
  steady::time_point heard{};
  steady::duration longest_gap{};
};

class backend {
 public:
  backend(net::io_context& io, std::chrono::milliseconds interval)
      : server_(io.get_executor()),
        chat_(server_),
        port_(io.get_executor(), server_),
        ticks_(io),
        interval_(interval) {
    chat_.retain(1'000'000);
    chat_.on_hello([this](const testing::v1_hello& hello) { return log_in(hello); });
    chat_.on_message([this](const testing::v1_message& one) { answered(one.data); });
    std::cout << port_.url() << std::endl;
    tick();
  }

  void obey(const std::string& line) {
    const std::lock_guard lock(mutex_);
    if (line == "mark") {
      for (auto& [key, one] : tenants_) one.longest_gap = {};
    } else if (line == "stop") {
      is_stopped_ = true;
    } else if (line == "report") {
      std::cout << json::serialize(report()) << std::endl;
    }
  }

 private:
  std::optional<testing::v1_error> log_in(const testing::v1_hello& hello) {
    const std::lock_guard lock(mutex_);
    auto& one = tenants_[hello.token];
    if (!one.client.empty() && !hello.resume) ++one.anew;
    one.client = hello.client;
    return {};
  }

  void answered(const std::string& text) {
    const auto read = json::parse(text);
    const auto* from = read.if_object();
    if (from == nullptr || !from->contains("key")) return;  // of a sender
    const auto now = steady::now();
    const std::lock_guard lock(mutex_);
    auto& one = tenants_[std::string(from->at("key").as_string())];
    const auto epoch = from->at("epoch").to_number<std::uint64_t>();
    if (epoch < one.newest_epoch) ++older_epochs_;
    one.newest_epoch = std::max(one.newest_epoch, epoch);
    if (one.heard != steady::time_point()) one.longest_gap = std::max(one.longest_gap, now - one.heard);
    one.heard = now;
    if (!one.answered.insert(from->at("event").to_number<std::uint64_t>()).second) ++answered_again_;
  }

  void tick() {
    ticks_.expires_after(interval_);
    ticks_.async_wait([this](const boost::system::error_code& ec) {
      if (ec) return;
      {
        const std::lock_guard lock(mutex_);
        for (auto& [key, one] : tenants_) {
          if (!is_stopped_) chat_.tell(std::to_string(++one.told), one.client);
        }
      }
      tick();
    });
  }

  // Called with the lock.
  json::object report() {
    steady::duration longest{};
    std::uint64_t anew = 0;
    std::uint64_t unanswered = 0;
    json::object told;
    const auto now = steady::now();
    for (const auto& [key, one] : tenants_) {
      const bool is_silent = one.heard != steady::time_point() && !is_stopped_;
      longest = std::max({longest, one.longest_gap, is_silent ? now - one.heard : steady::duration{}});
      anew += one.anew;
      unanswered += one.told - one.answered.size();
      told[key] = one.told;
    }
    json::array violations;
    for (const auto& each : chat_.violations()) violations.emplace_back(each);
    return {{"keys", tenants_.size()},
            {"longest_gap_ms", std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()},
            {"older_epochs", older_epochs_},
            {"answered_again", answered_again_},
            {"unanswered", unanswered},
            {"begun_anew", anew},
            {"logged_in", chat_.connected().size()},
            {"violations", violations},
            {"told", told}};
  }

  testing::server server_;
  testing::v1_server chat_;
  testing::loopback_port port_;
  net::steady_timer ticks_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::map<std::string, tenant> tenants_;
  std::uint64_t older_epochs_ = 0;
  std::uint64_t answered_again_ = 0;
  bool is_stopped_ = false;
};

}  // namespace

int main(int argc, char* argv[]) try {
  net::io_context io(1);
  backend serves(io, std::chrono::milliseconds(argc > 1 ? std::stoi(argv[1]) : 500));
  std::jthread runs([&io] { io.run(); });
  for (std::string line; std::getline(std::cin, line);) serves.obey(line);
  io.stop();
} catch (const std::exception& wrong) {
  std::cerr << "fleet_backend: " << wrong.what() << '\n';
  return 1;
}
