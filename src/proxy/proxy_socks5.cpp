// SOCKS5 (RFC 1928), with or without a user name and password (RFC 1929). The proxy resolves names, because
// its DNS may differ from ours. Bytes are taken one by one, so that it does not matter how they are split.
module;
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :proxy_dialogue;

namespace holdfast {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned char version = 5;
constexpr unsigned char credentials_version = 1;  // RFC 1929 section 2
constexpr unsigned char no_authentication = 0;
constexpr unsigned char user_and_password = 2;
constexpr unsigned char nothing_acceptable = 0xFF;
constexpr unsigned char connect_command = 1;
enum address_type : unsigned char { address_v4 = 1, domain_name = 3, address_v6 = 4 };

// RFC 1928 section 6.
std::string reply_text(unsigned char code) {
  switch (code) {
    case 1:
      return "general failure of the proxy";
    case 2:
      return "not allowed by the proxy's rules";
    case 3:
      return "network unreachable";
    case 4:
      return "host unreachable";
    case 5:
      return "connection refused";
    case 6:
      return "time to live expired";
    case 7:
      return "the proxy does not support CONNECT";
    case 8:
      return "the proxy does not support this type of address";
    default:
      return "failure " + std::to_string(code);
  }
}

void append(std::string& out, std::initializer_list<unsigned char> bytes) {
  for (const auto byte : bytes) out += static_cast<char>(byte);
}

void append_sized(std::string& out, std::string_view text) {
  append(out, {static_cast<unsigned char>(text.size())});
  out += text;
}

std::string greeting(bool with_credentials) {
  std::string out;
  append(out, {version});
  if (with_credentials) {
    append(out, {2, no_authentication, user_and_password});
  } else {
    append(out, {1, no_authentication});
  }
  return out;
}

std::string connect_request(const std::string& host, std::uint16_t port) {
  std::string out;
  append(out, {version, connect_command, 0});
  const auto append_address = [&](address_type type, const auto& bytes) {
    append(out, {type});
    for (const auto byte : bytes) append(out, {byte});
  };
  error_code not_an_address;
  const auto address = ip::make_address(host, not_an_address);
  if (not_an_address) {
    append(out, {domain_name});
    append_sized(out, host);
  } else if (address.is_v4()) {
    append_address(address_v4, address.to_v4().to_bytes());
  } else {
    append_address(address_v6, address.to_v6().to_bytes());
  }
  append(out, {static_cast<unsigned char>(port >> 8U), static_cast<unsigned char>(port & 0xFFU)});
  return out;
}

std::string credentials(const proxy_server& proxy) {
  std::string out;
  append(out, {credentials_version});
  append_sized(out, proxy.username);
  append_sized(out, proxy.password);
  return out;
}

class socks5 final : public proxy_dialogue {
 public:
  socks5(const proxy_server& proxy, std::string_view host, std::uint16_t port)
      : has_credentials_(!proxy.username.empty() || !proxy.password.empty()) {
    if (!can_be_sent_as_host(host)) {
      fail(error::host_not_found, "SOCKS5: the server's host is not a name that can be sent to a proxy");
    } else if (proxy.username.size() > 255 || proxy.password.size() > 255) {
      fail(error::proxy_unauthorized, "SOCKS5: user name or password is longer than 255 bytes");
    } else {
      if (has_credentials_) credentials_ = credentials(proxy);
      request_ = connect_request(std::string(host), port);
      output = greeting(has_credentials_);
    }
  }

  void feed(std::string_view bytes) override {
    while (progress == proxy_progress::needs_input && !bytes.empty()) {
      // Our next request has not been sent, so the proxy must not send anything.
      if (!output.empty()) return invalid("it is longer than expected");
      answer_ += bytes.front();
      bytes.remove_prefix(1);
      switch (awaited_) {
        case awaited::method:
          take_method();
          break;
        case awaited::verdict:
          take_verdict();
          break;
        case awaited::reply:
          take_reply(bytes);
          break;
      }
    }
  }

  void eof() override {
    if (!answer_.empty()) return invalid("it ends in the middle");
    fail(error::proxy_refused, awaited_ == awaited::verdict
                                   ? "SOCKS5: the proxy closed the connection after user name and password"
                                   : "SOCKS5: the proxy closed the connection without an answer");
  }

 private:
  enum class awaited : std::uint8_t { method, verdict, reply };

  void invalid(const std::string& problem) {
    fail(error::proxy_invalid, "SOCKS5: the proxy's answer is not valid: " + problem);
  }

  [[nodiscard]] unsigned char at(std::size_t index) const {
    return static_cast<unsigned char>(answer_[index]);
  }

  // Every answer begins with a version. Returns true if it is the expected one and more bytes have arrived.
  bool begins_with(unsigned char expected) {
    if (at(0) != expected) invalid(at(0) == 'H' ? "it looks like HTTP" : "it has another version");
    return at(0) == expected && answer_.size() > 1;
  }

  void ask(std::string question, awaited next) {
    output = std::move(question);
    awaited_ = next;
    answer_.clear();
  }

  void take_method() {
    if (!begins_with(version)) return;
    if (at(1) == no_authentication) return ask(request_, awaited::reply);
    if (at(1) == user_and_password && has_credentials_) return ask(credentials_, awaited::verdict);
    if (at(1) != nothing_acceptable) return invalid("it chooses a method that was not offered");
    fail(error::proxy_unauthorized, has_credentials_ ? "SOCKS5: the proxy accepts no user name and password"
                                                     : "SOCKS5: the proxy requires a user name and password");
  }

  void take_verdict() {
    if (!begins_with(credentials_version)) return;
    if (at(1) == 0) return ask(request_, awaited::reply);
    fail(error::proxy_unauthorized, "SOCKS5: the proxy refused the user name or password");
  }

  // VER REP RSV ATYP BND.ADDR BND.PORT. The address is not used, but has to be read to its end.
  void take_reply(std::string_view behind) {
    if (!begins_with(version)) return;
    if (at(1) != 0) return fail(error::proxy_refused, "SOCKS5: " + reply_text(at(1)));
    if (answer_.size() < 5) return;
    std::size_t address_bytes = 0;
    switch (at(3)) {
      case address_v4:
        address_bytes = 4;
        break;
      case address_v6:
        address_bytes = 16;
        break;
      case domain_name:
        address_bytes = 1U + at(4);
        break;
      default:
        return invalid("it has an unknown type of address");
    }
    if (answer_.size() == 4 + address_bytes + 2) open(behind);
  }

  const bool has_credentials_;
  std::string credentials_;
  std::string request_;
  awaited awaited_ = awaited::method;
  std::string answer_;  // as far as it has arrived; at most 262 bytes
};

}  // namespace

std::unique_ptr<proxy_dialogue> make_socks5(const proxy_server& proxy, std::string_view host,
                                            std::uint16_t port) {
  return std::make_unique<socks5>(proxy, host, port);
}

}  // namespace holdfast
