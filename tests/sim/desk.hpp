// Where the program gets its credentials: what it gives, how late, or that it gives none.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <stdexcept>

#include "journal.hpp"
#include "plan.hpp"

import holdfast;

namespace sim {

namespace net = boost::asio;

class desk : public std::enable_shared_from_this<desk> {
 public:
  explicit desk(journal& log) : log_(log) {}

  void follow(const event& what) {
    how_ = static_cast<providing>(what.number);
    after_ = what.span;
  }
  [[nodiscard]] holdfast::credential_provider as_provider() {
    return [self = shared_from_this()](holdfast::credential_request) { return self->give(); };
  }

 private:
  net::awaitable<holdfast::credentials> give() {
    const auto self = shared_from_this();  // a coroutine outlives the provider
    const auto how = how_;
    log_.note("  the provider is asked");
    holdfast::timer pause(co_await net::this_coro::executor);
    if (how == providing::never || how == providing::late) {
      const auto until = how == providing::late ? clock::now() + after_ : clock::time_point::max();
      co_await pause.async_wait_until(until, net::use_awaitable);
    }
    if (how == providing::gives_up) {  // not at once, so that a client that goes on asking does not stop time
      co_await pause.async_wait_until(clock::now() + 50ms, net::use_awaitable);
      throw holdfast::permanent_failure("this account is closed");
    }
    if (how == providing::unreachable) throw boost::system::system_error(net::error::host_unreachable);
    if (how == providing::throws) throw std::runtime_error("not for others to see");
    co_return holdfast::credentials{.token = "token" + std::to_string(++given_)};
  }

  journal& log_;
  providing how_ = providing::at_once;
  clock::duration after_{};
  std::size_t given_ = 0;
};

}  // namespace sim
