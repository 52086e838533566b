// Channels that need a token: the program's provider is asked for it, in a coroutine of its own, before the
// server is asked for the channel.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :channel_hub;

namespace holdfast::channels {
namespace {

// What the provider throws before its first wait ends this coroutine, too, and not who starts it.
net::awaitable<channel_token> ask_provider(channel_token_provider provider, channel_token_request wanted) {
  co_return co_await provider(std::move(wanted));
}

// Empty: another attempt may succeed. The text of an exception may contain a secret, so it goes to the
// program's own log.
std::string refusal_in(const std::exception_ptr& thrown, journal& log) {
  try {
    std::rethrow_exception(thrown);
  } catch (const permanent_failure& why) {
    return std::string("the provider of its token has given up: ") + why.what();
  } catch (...) {
    log.write(journal::kind::thrown, log_level::warning,
              "the provider of channel tokens " + describe_thrown());
    return {};
  }
}

}  // namespace

struct channel_hub::token_fetch {
  std::uint64_t id = 0;
  channel_token_request wanted{};
  net::cancellation_signal cancel{};
};

// Called with the lock held.
void channel_hub::ask_for_token(const subscription_table::pointer& one) {
  if (!tokens_)
    return channels_.completed(one, subscription_end::refused,
                               {.text = "the channel needs a token: set client_options.channel_tokens"});
  auto fetch = std::make_shared<token_fetch>();
  fetch->id = one->id;
  fetch->wanted = {.channel = one->name, .session = dialect_->session_name()};
  fetches_.emplace(one->id, fetch);
  start(std::move(fetch));
}

void channel_hub::start(std::shared_ptr<token_fetch> fetch) {
  net::post(strand_, [self = shared_from_this(), fetch = std::move(fetch)] {
    {
      const std::lock_guard lock(self->mutex_);
      if (!self->fetches_.contains(fetch->id)) return;  // not wanted any more
    }
    auto done = [weak = self->weak_from_this(), fetch](const std::exception_ptr& thrown,
                                                       const channel_token& got) {
      if (const auto alive = weak.lock()) alive->take_token(fetch->id, thrown, got);
    };
    net::co_spawn(self->strand_, ask_provider(self->tokens_, fetch->wanted),
                  net::bind_cancellation_slot(fetch->cancel.slot(), std::move(done)));
  });
}

void channel_hub::take_token(std::uint64_t id, const std::exception_ptr& thrown, const channel_token& got) {
  {
    const std::lock_guard lock(mutex_);
    if (fetches_.erase(id) == 0) return;  // it was cancelled
  }
  const auto refusal = thrown ? refusal_in(thrown, *log_) : std::string();
  const std::lock_guard lock(mutex_);
  const auto one = channels_.by_id(id);
  if (!one || session_ == 0) return;
  if (!thrown) {
    say_later(request_of(one, got));
  } else if (!refusal.empty()) {
    channels_.refused(one, {.text = refusal}, true, clock::now());
  } else {
    channels_.refused(one, {}, false, clock::now());
  }
  wake();
}

// Returns whether there was one.
bool channel_hub::cancel_fetch(std::uint64_t id) {
  const auto found = fetches_.find(id);
  if (found == fetches_.end()) return false;
  net::post(strand_,
            [fetch = std::move(found->second)] { fetch->cancel.emit(net::cancellation_type::terminal); });
  fetches_.erase(found);
  return true;
}

void channel_hub::cancel_fetches() {
  while (!fetches_.empty()) cancel_fetch(fetches_.begin()->first);
}

}  // namespace holdfast::channels
