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
  net::awaitable<holdfast::result<std::vector<peer_address>>> resolve(std::string host,
                                                                      std::uint16_t port) override {
    const auto begun = holdfast::clock::now();
    auto found = co_await real_->resolve(host, port);
    const auto took = holdfast::clock::now() - begun;
    if (found.has_error()) {
      report_timed("resolve", host + ": " + found.error().message(), took, colour::bad);
    } else {
      std::string all;
      for (const auto& each : *found) all += (all.empty() ? "" : ", ") + each.address.to_string();
      report_timed("resolve", host + ": " + (all.empty() ? "no address" : all), took);
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
    report_timed("connect", to_string(peer) + ": " + outcome, took,
                 opened.has_value() || lost ? colour::none : colour::bad);
    co_return opened;
  }

 private:
  const std::shared_ptr<holdfast::network> real_ = holdfast::real_network();
};

}  // namespace

std::shared_ptr<holdfast::network> observed_network() { return std::make_shared<observed>(); }

}  // namespace tool
