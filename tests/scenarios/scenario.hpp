// What nearly every scenario needs: a world, a server in it, and a record of what observers saw.
#pragma once

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "../sanitized.hpp"

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace net = boost::asio;
using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

inline const peer_address server_at{net::ip::make_address("10.0.0.1"), 80};

// A world with a server at ws://server/, and the options that lead there.
struct scenario {
  explicit scenario(std::uint64_t seed = 1) : in(seed), backend(in, server_at) {
    in.network()->add_name("server", {server_at.address});
    given.url = "ws://server/";
    given.network = in.network();
    given.random_seed = seed;
    given.log = [this](log_level, std::string_view line) {
      if (!line.starts_with("dial_step ")) log_lines.emplace_back(line);  // these have tests of their own
    };
  }

  // Makes the connection and runs it; `run_ended` tells when and how run() returned.
  connection& start() {
    conn.emplace(in.executor(), given);
    conn->run([this](error_code ec) { run_ended = ec; });
    in.settle();
    return *conn;
  }
  bool reaches(connection_state wanted, clock::duration within = 30s) {
    return in.run_until([&] { return conn->status() == wanted; }, within);
  }

  std::vector<std::string> log_lines;
  world in;
  server backend;
  options given;
  std::optional<connection> conn;
  std::optional<error_code> run_ended;
};

// Every transition that a listener sees, as "from>to".
class recorder {
 public:
  explicit recorder(connection& of, std::string id = "recorder") {
    of.add_connection_listener(
        std::move(id),
        {.on_state_change = [seen = seen_](const observed_change& change) { seen->push_back(change); }});
  }
  [[nodiscard]] const std::vector<observed_change>& changes() const { return *seen_; }
  [[nodiscard]] std::string states() const {
    std::string out;
    for (const auto& each : *seen_) out += (out.empty() ? "" : " ") + std::string(to_string(each.to));
    return out;
  }
  // The same with what a disconnected says: why, and what follows (the rule of the retry, "final", or "waits"
  // for something else).
  [[nodiscard]] std::string trace() const {
    std::string out;
    for (const auto& each : *seen_) {
      out += (out.empty() ? "" : " ") + std::string(to_string(each.to));
      if (each.to != connection_state::disconnected) continue;
      out += '[' + describe(each.reason) + "; ";
      out += (each.retry_in ? each.rule : std::string(each.final ? "final" : "waits")) + ']';
    }
    return out;
  }
  [[nodiscard]] std::size_t count(connection_state state) const {
    return static_cast<std::size_t>(std::ranges::count(*seen_, state, &observed_change::to));
  }
  // The waits that were announced.
  [[nodiscard]] std::vector<clock::duration> waits() const {
    std::vector<clock::duration> out;
    for (const auto& each : *seen_) {
      if (each.retry_in) out.push_back(*each.retry_in);
    }
    return out;
  }

 private:
  // Shared with the listener, which may outlive the recorder.
  std::shared_ptr<std::vector<observed_change>> seen_ = std::make_shared<std::vector<observed_change>>();
};

// How often an operation has completed, and with what. Give its `handler()` as the token.
struct outcome {
  int calls = 0;
  error_code ec{};
  clock::time_point at{};

  auto handler() {
    return [this](error_code result, const auto&...) {
      ++calls;
      ec = result;
      at = clock::now();
    };
  }
  auto send_handler() {
    return [this](send_result result) {
      delivered = result.outcome;
      handler()(result.reason);
    };
  }
  delivery delivered{};
};
