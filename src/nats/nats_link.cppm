// :nats_link — the connection to NATS: requests, subscriptions, and what goes wrong. The only room whose body
// knows libnats.
module;
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.fleet_core:nats_link;

import holdfast.core;
import :coordinator;
import :nats;

namespace holdfast::fleet {

// A message, as far as we read it.
struct nats_message {
  std::string subject{};
  std::string reply_to{};
  std::string payload{};
  int status = 0;  // of the header: 404, 408, 100 (a heartbeat), 503 (nobody serves the subject); zero: none
  std::string first_line{};          // header of ours, as to_header() has it; empty: there is none
  std::uint64_t sequence = 0;        // header "Nats-Sequence", of a direct read
  std::uint64_t last_delivered = 0;  // header "Nats-Last-Consumer", of a heartbeat
};

// An entry's first line is this header, and the payload what is behind it: a watch reads headers alone.
inline constexpr std::string_view first_line_header = "Holdfast-Line";
inline constexpr std::size_t longest_line = 60'000;  // as it is written; nats-server takes headers of 64 KiB

// All members may be called from any thread; handlers are called on threads of libnats, and must not block.
class nats_link {
 public:
  using handler = std::function<void(nats_message)>;
  using headers = std::vector<std::pair<std::string, std::string>>;

  // Connects by itself, from now on. Throws std::runtime_error if a file cannot be read, option_error.
  static std::shared_ptr<nats_link> open(const nats_options& how);
  virtual ~nats_link() = default;

  // Sends a request; `answer` is called at most once, until forget(). Empty: there is no connection, nothing
  // was sent.
  virtual std::optional<std::uint64_t> request(const std::string& subject, std::string_view payload,
                                               const headers& with, handler answer) = 0;
  virtual void forget(std::uint64_t request) = 0;
  virtual std::unique_ptr<registration> subscribe(const std::string& subject, handler each) = 0;
  virtual void publish(const std::string& subject, std::string_view payload) = 0;
  // A subject that nobody else uses.
  [[nodiscard]] virtual std::string new_inbox() = 0;
  [[nodiscard]] virtual bool is_connected() const = 0;
  // The server has said that this user may not do something; its own words are in the log.
  [[nodiscard]] virtual bool was_refused() const = 0;
  // The largest message that the server takes.
  [[nodiscard]] virtual std::size_t largest_message() const = 0;
};

}  // namespace holdfast::fleet
