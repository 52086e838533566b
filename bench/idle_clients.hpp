// Connections that are open and do nothing but wait for a message, on an io_context that somebody else
// runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace bench {

class idle_clients {
 public:
  virtual ~idle_clients() = default;
  virtual void start_one() = 0;
  // How many have been opened; cheap.
  [[nodiscard]] std::size_t opened() const noexcept { return opened_; }
  // How many are open now.
  [[nodiscard]] virtual std::size_t open_count() const = 0;

 protected:
  std::size_t opened_ = 0;
};
using idle_clients_maker = std::function<std::unique_ptr<idle_clients>(boost::asio::io_context&)>;

// wss:// if there is an authority to trust. Ours share one set of options: the defaults, but patient with a
// server that answers no ping; Beast's share one ssl::context.
idle_clients_maker idle_holdfast(std::uint16_t port, std::string authority_pem);
idle_clients_maker idle_beast(std::uint16_t port, std::string authority_pem);
// wss:// by the system's store; each connection has options of its own.
idle_clients_maker idle_holdfast_system_store(std::uint16_t port);

}  // namespace bench
