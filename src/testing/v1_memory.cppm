// :v1_memory — what a server of "holdfast.v1" keeps between two sockets, as docs/protocol.md wants it for
// effectively-once delivery: sessions with their last events, and what each client has had processed. No I/O,
// no threads.
module;
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast.testing:v1_memory;

import holdfast;
import :v1_server;

namespace holdfast::testing {

struct v1_session {
  std::string name{};
  std::string client{};
  std::uint64_t first_kept = 1;  // number of the first of `kept`
  std::deque<std::string> kept{};
  std::uint64_t acknowledged = 0;  // by the client
  bool forgotten = false;          // nobody can go on with it

  [[nodiscard]] std::uint64_t last() const noexcept { return first_kept + kept.size() - 1; }
  void keep_at_most(std::size_t events);
};

class v1_memory {
 public:
  struct login {
    std::shared_ptr<v1_session> session{};
    bool resumed = false;
    std::uint64_t seq = 0;  // what follows has the next number
    std::optional<message_gap> gap{};
    std::string problem{};  // what the client had no right to ask for; then it got a new session
  };
  login log_in(const v1_hello& hello);

  enum class fate { processed, passed_over, differs };  // differs: from what came under its number before
  fate take(const v1_message& given);
  [[nodiscard]] std::uint64_t last_id(const std::string& client) const;
  [[nodiscard]] const std::vector<v1_message>& messages() const noexcept { return messages_; }
  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }

  // Empty: the client may say so. Else what is wrong with it.
  static std::string acknowledge(v1_session& session, std::uint64_t seq);
  // The sessions that got it, each as its last event.
  std::vector<std::shared_ptr<v1_session>> tell(std::string_view data, std::string_view client);
  void retain(std::size_t events);
  void forget_sessions() noexcept;

 private:
  std::vector<std::shared_ptr<v1_session>> sessions_;  // shared with the sockets that serve them
  std::map<std::string, std::uint64_t> last_ids_;      // by client
  std::vector<v1_message> messages_;
  std::size_t retained_ = 1'000;
};

}  // namespace holdfast::testing
