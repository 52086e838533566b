// :proxy_dialogue — what a dialogue with a proxy of either kind is: bytes in, bytes out, and how it ended.
// The two kinds are in proxy_http.cpp and proxy_socks5.cpp, and know nothing of each other.
module;
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core:proxy_dialogue;

import :error;
import :proxy;

namespace holdfast {

class proxy_dialogue {
 public:
  proxy_dialogue() = default;
  proxy_dialogue(const proxy_dialogue&) = delete;
  proxy_dialogue& operator=(const proxy_dialogue&) = delete;
  virtual ~proxy_dialogue() = default;

  // Both are called only while input is needed.
  virtual void feed(std::string_view bytes) = 0;
  virtual void eof() = 0;

  proxy_progress progress = proxy_progress::needs_input;
  error_code reason{};
  unsigned http_status = 0;
  std::string detail{};
  std::string output{};
  std::string rest{};

 protected:
  void open(std::string_view behind) {
    progress = proxy_progress::open;
    rest = behind;
  }
  // `text` may have come from the proxy: it becomes one bounded line.
  void fail(error_code why, std::string_view text);
};

std::unique_ptr<proxy_dialogue> make_http_connect(const proxy_server& proxy, std::string_view host,
                                                  std::uint16_t port, std::string_view user_agent);
std::unique_ptr<proxy_dialogue> make_socks5(const proxy_server& proxy, std::string_view host,
                                            std::uint16_t port);

// False for what could break out of its place in a request, and for what no proxy could look up.
bool can_be_sent_as_host(std::string_view host);

}  // namespace holdfast
