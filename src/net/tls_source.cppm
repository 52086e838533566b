// :tls_source — the TLS context for the next attempt: made of the files that the options name, and made anew
// when they have changed, because certificates are renewed under the same names. Keeps no time and knows no
// attempt.
module;
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <coroutine>
#include <memory>
#include <string>

module holdfast.core:tls_source;

import :error;
import :tls;
import :tls_material;

namespace holdfast {

struct current_tls {
  std::shared_ptr<tls_context> context;  // shared with the streams that speak it
  std::string warning{};                 // for the log, if there is something new to say
};

// On the strand of the actor.
class tls_source {
 public:
  // Reads the files the first time, when they have changed, and when they could not be used the last time (a
  // renewal may replace certificate and key one after the other). If they cannot be used, what was read
  // before stays, and the warning says so once; throws option_error if there is nothing before. A new context
  // resumes no session of the old one: those belong to the old certificate and to the old trust.
  current_tls current(const tls_options& given);

 private:
  struct reading {
    std::shared_ptr<tls_context> context;
    tls_stamps read{};     // of the files that the context is made of
    bool settled = false;  // as long as those stamps are the same, so are the files
    std::string told{};    // the last warning, and what the files were then
    tls_stamps told_about{};
  };
  bool has_new_content(const tls_context& fresh, const tls_stamps& now) const;
  std::string warning_about(const option_error& problem, const tls_stamps& now);

  std::unique_ptr<reading> last_;  // the last one that was good; a connection to ws:// has none
};

}  // namespace holdfast
