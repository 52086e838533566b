// CONNECT through an HTTP proxy (RFC 9110 section 9.3.6), with Basic authentication (RFC 7617). The answer is
// parsed by hand, line by line: proxies answer in HTTP/1.0, with bare line feeds, and announce bodies that do
// not exist. Only the status and the end of the header matter.
module;

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

module holdfast.core;

import :ascii;
import :proxy_dialogue;

namespace holdfast {
namespace {

constexpr std::size_t most_head_bytes = 16 << 10;  // of all answers together, including interim ones
constexpr std::size_t most_scheme_names = 3;       // of authentication schemes, in an error

bool is_forbidden(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

// RFC 9112 section 4. `line` may be only the beginning of a line.
constexpr std::string_view status_line = "HTTP/1.# ###";
bool begins_status_line(std::string_view line) {
  for (std::size_t i = 0; i < std::min(line.size(), status_line.size()); ++i) {
    if (status_line[i] == '#' ? !ascii::is_digit(line[i]) : line[i] != status_line[i]) return false;
  }
  return line.size() <= status_line.size() || line[status_line.size()] == ' ';
}

std::string connect_request(const proxy_server& proxy, std::string_view host, std::uint16_t port,
                            std::string_view user_agent) {
  auto authority =
      host.find(':') == std::string_view::npos ? std::string(host) : '[' + std::string(host) + ']';
  authority += ':' + std::to_string(port);
  auto out = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority;
  if (!proxy.username.empty() || !proxy.password.empty())
    out += "\r\nProxy-Authorization: Basic " + base64(proxy.username + ':' + proxy.password);
  if (!user_agent.empty()) out += "\r\nUser-Agent: ";
  std::ranges::copy_if(user_agent, std::back_inserter(out), [](char c) { return !is_forbidden(c); });
  return out + "\r\n\r\n";
}

class http_connect final : public proxy_dialogue {
 public:
  http_connect(const proxy_server& proxy, std::string_view host, std::uint16_t port,
               std::string_view user_agent)
      : has_credentials_(!proxy.username.empty() || !proxy.password.empty()) {
    if (can_be_sent_as_host(host)) {
      output = connect_request(proxy, host, port, user_agent);
    } else {
      fail(error::host_not_found, "HTTP: the server's host is not a name that can be sent to a proxy");
    }
  }

  void feed(std::string_view bytes) override {
    while (progress == proxy_progress::needs_input && !bytes.empty()) {
      const auto end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
      const auto piece = bytes.substr(0, end);
      bytes.remove_prefix(end);
      head_bytes_ += piece.size();
      if (head_bytes_ > most_head_bytes) return invalid("its header is longer than 16 KiB");
      line_ += piece;
      take_line(bytes);
    }
  }

  void eof() override {
    if (head_bytes_ != 0) return invalid("it ends in the middle");
    fail(error::proxy_refused, "HTTP: the proxy closed the connection without an answer");
  }

 private:
  void invalid(const std::string& problem) {
    fail(error::proxy_invalid, "HTTP: the proxy's answer is not valid: " + problem);
  }

  // `line_` is a line or the beginning of one. `behind` is the text that follows it.
  void take_line(std::string_view behind) {
    const bool whole = line_.ends_with('\n');
    std::string_view line = line_;
    if (whole) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (http_status == 0 && !begins_status_line(line)) return invalid("it is not HTTP");
    if (!whole) return;
    if (std::ranges::any_of(line, is_forbidden)) return invalid("it has a control character in its header");
    if (http_status == 0) {
      take_status_line(line);
    } else if (!line.empty()) {
      take_field(line);
    } else {
      take_end(behind);
    }
    line_.clear();
  }

  void take_status_line(std::string_view line) {
    if (line.size() < status_line.size()) return invalid("it is not HTTP");
    const auto code = line.substr(9, 3);
    if (code.front() == '0') return invalid("it has no status");
    for (const char digit : code) http_status = 10 * http_status + static_cast<unsigned>(digit - '0');
    summary_ = "HTTP " + one_line(line.substr(9), 80);
    body_is_text_ = true;
    schemes_.clear();
    scheme_count_ = 0;
    knows_basic_ = false;
  }

  void take_field(std::string_view line) {
    if (line.starts_with(' ') || line.starts_with('\t'))
      return;  // RFC 9112 section 5.2: continues the field before
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return invalid("it has a header without a name");
    const auto name = line.substr(0, colon);
    if (is_same_header(name, http_status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate"))
      take_challenge(line.substr(colon + 1));
    if (is_same_header(name, "Transfer-Encoding") || is_same_header(name, "Content-Encoding"))
      body_is_text_ = false;
  }

  // RFC 9110 section 11.6.1. The first scheme of each field is enough to report what the proxy requires.
  void take_challenge(std::string_view value) {
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    const auto scheme = value.substr(0, value.find_first_of(" \t,"));
    if (is_same_header(scheme, "Basic")) knows_basic_ = true;
    if (scheme.empty() || ++scheme_count_ > most_scheme_names) return;
    schemes_ += (schemes_.empty() ? "" : ", ") + std::string(scheme.substr(0, 16));
  }

  void take_end(std::string_view behind) {
    const auto status = http_status;
    if (status == 101) return invalid("it switches to another protocol");
    if (status < 200) {
      http_status = 0;  // RFC 9110 section 15.2: interim; another answer follows
    } else if (status < 300) {
      open(behind);  // RFC 9110 section 9.3.6: there is no body, whatever the header says
    } else if (status == 407 || status == 401) {  // tinyproxy sends 401 where it means 407
      fail(error::proxy_unauthorized, summary_ + about_credentials());
    } else {
      fail(error::proxy_refused, summary_ + beginning_of(behind));
    }
  }

  [[nodiscard]] std::string about_credentials() const {
    if (!schemes_.empty() && !knows_basic_)
      return ": the proxy requires " + schemes_ + ", but only Basic is supported";
    return has_credentials_ ? "" : ": no user name was given";
  }

  // Returns the beginning of a readable body. Returns nothing if we have sent credentials, because the body
  // could repeat them, as that of a debugging proxy does.
  [[nodiscard]] std::string beginning_of(std::string_view body) const {
    if (has_credentials_ || !body_is_text_) return {};
    const auto text = one_line(body, 80);
    return text.empty() || text.starts_with('<') ? std::string{} : ": " + text;
  }

  const bool has_credentials_;
  std::string line_;
  std::size_t head_bytes_ = 0;
  std::string summary_;  // status and reason phrase
  std::string schemes_;
  std::size_t scheme_count_ = 0;
  bool knows_basic_ = false;
  bool body_is_text_ = true;
};

}  // namespace

std::unique_ptr<proxy_dialogue> make_http_connect(const proxy_server& proxy, std::string_view host,
                                                  std::uint16_t port, std::string_view user_agent) {
  return std::make_unique<http_connect>(proxy, host, port, user_agent);
}

}  // namespace holdfast
