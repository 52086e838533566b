/// :dial_gate — who may dial and log in now: asked before each attempt by all connections that share it, so
/// that a program with many of them does not overrun a server that has been away.
module;
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

export module holdfast.core:dial_gate;

import :time;

namespace holdfast {

/// The attempt that wants to begin.
export struct dial_request {
  std::string origin{};  ///< of the endpoint that was chosen, such as "wss://example.org"
};

/// The permission for one attempt and the login that follows it. Destroying it reports that both have ended,
/// with or without a session. Move-only; any thread may destroy it.
export class dial_permit {
 public:
  /// Reports to nobody.
  dial_permit() = default;
  /// Calls `over`, which must not throw, when it is destroyed.
  explicit dial_permit(std::function<void()> over) : over_(std::move(over)) {}
  dial_permit(dial_permit&& other) noexcept : over_(std::exchange(other.over_, nullptr)) {}
  dial_permit& operator=(dial_permit&& other) noexcept {
    std::swap(over_, other.over_);
    return *this;
  }
  ~dial_permit() {
    if (over_) over_();
  }

 private:
  std::function<void()> over_;
};

/// Decides when attempts may begin. Derive from it to count over several processes, behind a broker.
export class dial_gate {
 public:
  virtual ~dial_gate() = default;

  /// Returns when the attempt may begin. Called on the strand of the connection, by several at a time: it
  /// must not block. It is cancelled when the attempt is not wanted any more, and what it returns later is
  /// given back. If it throws, that goes to the log, and it is asked again after a second.
  virtual net::awaitable<dial_permit> enter(dial_request wanted) = 0;
};

/// How many attempts make_dial_gate() lets through.
export struct dial_gate_options {
  unsigned dials = 50;                        ///< to one origin in any `interval`; from 1 to a million
  std::chrono::milliseconds interval{1'000};  ///< from 1 ms to a day
  /// How many attempts may be under way at a time, to all origins together. An attempt counts until its
  /// session is usable (with a protocol: until the login is done) or it has failed; one of a move counts
  /// until its socket is open. Zero: any number.
  unsigned under_way = 0;
  /// Between two attempts to one origin passes a random time, `interval / dials` at most. Seeds it, for
  /// reproducible tests; empty: real entropy.
  std::optional<std::uint64_t> random_seed{};
};

/// Returns a gate for `options::gate`, to be shared by any number of connections, on any threads. Attempts to
/// one origin begin in the order in which they asked. Throws option_error.
export std::shared_ptr<dial_gate> make_dial_gate(const dial_gate_options& how = {});

}  // namespace holdfast
