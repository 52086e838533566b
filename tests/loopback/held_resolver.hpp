// A resolver that holds names until it is released, and the callers that ask it.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loopback.hpp"

using found = lookup_pool::answer;

inline const auto some_address = net::ip::make_address("192.0.2.7");

// Names that begin with "hung" wait; all others are there at once. The pool's threads may outlive the test.
class held_resolver {
 public:
  held_resolver() { over_ = gone_->promise.get_future(); }
  held_resolver(const held_resolver&) = delete;
  held_resolver& operator=(const held_resolver&) = delete;
  // Once the pool is gone, too: no thread of it is left, so that a sanitizer has seen all that they do.
  ~held_resolver() {
    let_go();
    gone_.reset();
    BOOST_TEST((over_.wait_for(patience) == std::future_status::ready), "threads are left");
  }

  [[nodiscard]] lookup_pool::function function() {
    return [state = state_, gone = gone_](const std::string& name) -> found {
      std::unique_lock lock(state->mutex);
      ++state->calls[name];
      ++state->inside;
      state->most = std::max(state->most, state->inside);
      state->news.notify_all();
      if (name.starts_with("hung")) state->news.wait(lock, [&state] { return state->open; });
      --state->inside;
      if (const auto failure = state->failures.find(name); failure != state->failures.end())
        return failure->second;
      return std::vector{some_address};
    };
  }
  void let_go() {
    const std::lock_guard lock(state_->mutex);
    state_->open = true;
    state_->news.notify_all();
  }
  void fail(const std::string& name, error_code why) {
    const std::lock_guard lock(state_->mutex);
    state_->failures[name] = why;
  }
  // True when so many look-ups hang.
  [[nodiscard]] bool holds(int count) {
    std::unique_lock lock(state_->mutex);
    return state_->news.wait_for(lock, patience, [&] { return state_->inside == count; });
  }
  [[nodiscard]] int calls(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    return state_->calls[name];
  }
  [[nodiscard]] int most_at_once() {
    const std::lock_guard lock(state_->mutex);
    return state_->most;
  }

 private:
  struct state {
    std::mutex mutex{};
    std::condition_variable news{};
    std::map<std::string, int> calls{};
    std::map<std::string, error_code> failures{};
    int inside = 0;
    int most = 0;
    bool open = false;
  };
  struct last_words {
    std::promise<void> promise{};
    last_words() = default;
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() { promise.set_value(); }
  };

  std::shared_ptr<state> state_ = std::make_shared<state>();  // shared with the pool's threads
  std::shared_ptr<last_words> gone_ = std::make_shared<last_words>();
  std::future<void> over_;
};

inline net::awaitable<void> keep(lookup_pool& pool, std::string name, std::optional<found>& into) {
  into = co_await pool.resolve(std::move(name));
}

// One context, and what those who ask on it were told. Destroyed before the resolver lets go.
struct askers {
  net::io_context io{1};
  std::vector<std::unique_ptr<std::optional<found>>> answers{};

  std::optional<found>& ask(lookup_pool& pool, std::string name) {
    auto& answer = *answers.emplace_back(std::make_unique<std::optional<found>>());
    net::co_spawn(io, keep(pool, std::move(name), answer), net::detached);
    io.restart();
    io.poll();
    return answer;
  }
  bool run_until(const std::function<bool()>& fact) {
    for (const auto end = std::chrono::steady_clock::now() + patience; !fact();) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.restart();
      io.run_one_for(20ms);
    }
    return true;
  }
  [[nodiscard]] bool all_found() const {
    return std::ranges::all_of(answers,
                               [](const auto& each) { return each->has_value() && (*each)->has_value(); });
  }
};

inline bool is_aborted(const std::optional<found>& answer) {
  return answer && answer->has_error() && answer->error() == net::error::operation_aborted;
}
