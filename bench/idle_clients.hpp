// Connections that are open and do nothing but wait for a message, on an io_context that somebody else
// runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace bench {

class idle_clients {
 public:
  virtual ~idle_clients() = default;
  virtual void start_one() = 0;
  // How many are open now.
  [[nodiscard]] virtual std::size_t open_count() const = 0;
};

// Each with the default options (but patient with a server that answers no ping), and a listener.
std::unique_ptr<idle_clients> make_idle_holdfast(boost::asio::io_context& context, std::uint16_t port);
std::unique_ptr<idle_clients> make_idle_beast(boost::asio::io_context& context, std::uint16_t port);

}  // namespace bench
