#include <boost/asio.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "doctor_network.hpp"
#include "doctor_report.hpp"

import holdfast;

namespace tool {
namespace {

namespace net = boost::asio;
using holdfast::peer_address;

class observed : public holdfast::network {
 public:
  explicit observed(const report& to) : to_(to) {}

  net::awaitable<holdfast::result<std::vector<peer_address>>> resolve(std::string host,
                                                                      std::uint16_t port) override {
    const auto begun = holdfast::clock::now();
    auto found = co_await real_->resolve(host, port);
    const auto took = holdfast::clock::now() - begun;
    if (found.has_error()) {
      to_.timed("resolve", host + ": " + found.error().message(), took, report::mark::bad);
    } else {
      std::string all;
      for (const auto& each : *found) all += (all.empty() ? "" : ", ") + each.address.to_string();
      to_.timed("resolve", host + ": " + (all.empty() ? "no address" : all), took);
    }
    co_return found;
  }

  // Addresses race each other, so that several may be under way; those that lose are given up.
  net::awaitable<holdfast::result<holdfast::transport>> connect(peer_address peer) override {
    const auto begun = holdfast::clock::now();
    auto opened = co_await real_->connect(peer);
    const auto took = holdfast::clock::now() - begun;
    const bool lost = opened.has_error() && opened.error() == net::error::operation_aborted;
    const auto outcome = opened.has_value() ? "connected" : lost ? "given up" : opened.error().message();
    to_.timed("connect", to_string(peer) + ": " + outcome, took,
              opened.has_value() || lost ? report::mark::none : report::mark::bad);
    co_return opened;
  }

 private:
  const report& to_;
  const std::shared_ptr<holdfast::network> real_ = holdfast::real_network();
};

}  // namespace

std::shared_ptr<holdfast::network> observed_network(const report& to) {
  return std::make_shared<observed>(to);
}

}  // namespace tool
