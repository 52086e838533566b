// What tests of the way to a server have in common: a record of the requests that servers got, a provider of
// credentials that does as it is told, and who must not see a secret.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario.hpp"

inline const peer_address other_at{net::ip::make_address("10.0.0.2"), 80};
inline const peer_address third_at{net::ip::make_address("10.0.0.3"), 80};

// The upgrade requests of one or more servers, in their order. Make it before the scenario.
struct request_log {
  // For `server::on_upgrade`: writes down the request, and goes on with `then`.
  server::gate keep(server::gate then = {}) {
    return [this, then = std::move(then)](const http_head& request) {
      all.push_back(request);
      return then ? then(request) : std::nullopt;
    };
  }
  // The values of all fields of that name in the n-th request.
  [[nodiscard]] std::string values(std::size_t n, std::string_view name) const {
    BOOST_REQUIRE(n < all.size());
    return all[n].joined(name);
  }
  std::vector<http_head> all;
};

inline server::gate answers_with(unsigned status, header_list headers = {}, std::string body = {}) {
  return [answer = http_answer{status, std::move(headers), std::move(body)}](const http_head&) {
    return std::optional(answer);
  };
}

// Lets in only who shows this token, which may be changed.
struct doorkeeper {
  server::gate gate(unsigned refusal = 401) {
    return [this, refusal](const http_head& request) {
      const bool good = request.header("Authorization") == "Bearer " + accepted;
      return good ? std::nullopt : std::optional(http_answer{.status = refusal});
    };
  }
  std::string accepted;
};

// A provider that keeps what it was asked, and answers after a while. Make it before the scenario.
struct test_provider {
  credential_provider function() {
    return [this](credential_request request) { return answer(std::move(request)); };
  }
  net::awaitable<credentials> answer(credential_request request) {
    asked.push_back(request);
    if (takes != clock::duration::zero()) {
      timer wait(co_await net::this_coro::executor);
      for (const auto end = clock::now() + takes; clock::now() < end;) {
        const auto [ec] = co_await wait.async_wait_until(end, net::as_tuple(net::deferred));
        if (!ec) continue;
        ++cancelled;
        if (!deaf) throw boost::system::system_error(ec);
        co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
      }
    }
    ++answered;
    co_return give(request);
  }

  std::function<credentials(const credential_request&)> give = [](const credential_request&) {
    return credentials{.token = "token"};
  };
  clock::duration takes{};
  bool deaf = false;  // does not heed its cancellation
  std::vector<credential_request> asked;
  int answered = 0, cancelled = 0;
};

// Tokens "t1", "t2", …: a new one only for who was refused.
inline std::function<credentials(const credential_request&)> renewable_tokens() {
  return [number = 1](const credential_request& request) mutable {
    if (request.refused) ++number;
    return credentials{.token = "t" + std::to_string(number)};
  };
}

// True if `secret` is in anything that a program or a person gets to see.
inline bool shows(const scenario& s, const recorder& seen, std::string_view secret) {
  std::string text;
  for (const auto& line : s.log_lines) text += line + '\n';
  for (const auto& each : seen.changes()) {
    text += describe(each) + '\n' + describe(each.reason) + '\n' + each.reason.error.message() + '\n';
    text += each.reason.detail + '\n' + each.reason.peer + '\n' + each.rule + '\n';
    text += each.origin + '\n' + each.peer + '\n' + each.subprotocol + '\n';
  }
  return text.find(secret) != std::string::npos;
}

// A recorder that is there before the first transition.
inline recorder start_recorded(scenario& s) {
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  s.conn->run([&s](error_code ec) { s.run_ended = ec; });
  s.in.settle();
  return seen;
}

// The rules that chose what followed each failure, in their order.
inline std::string rules(const recorder& seen) {
  std::string out;
  for (const auto& each : seen.changes()) {
    if (each.to == connection_state::disconnected) out += (out.empty() ? "" : " ") + each.rule;
  }
  return out;
}
