// The entry to both dialogues with a proxy, HTTP and SOCKS5, and what they share. The constructor chooses
// one.
module;
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :proxy_dialogue;

namespace holdfast {

constexpr std::size_t most_detail = 120;

bool can_be_sent_as_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char each) {
    const auto byte = static_cast<unsigned char>(each);
    return byte > 0x20 && byte < 0x7F && each != '%';
  });
}

void proxy_dialogue::fail(error_code why, std::string_view text) {
  progress = proxy_progress::failed;
  reason = why;
  detail = one_line(text, most_detail);
  output.clear();
}

proxy_handshake::proxy_handshake(const proxy_server& proxy, std::string_view host, std::uint16_t port,
                                 std::string_view user_agent)
    : dialogue_(proxy.kind == proxy_kind::http ? make_http_connect(proxy, host, port, user_agent)
                                               : make_socks5(proxy, host, port)) {}
proxy_handshake::proxy_handshake(proxy_handshake&&) noexcept = default;
proxy_handshake& proxy_handshake::operator=(proxy_handshake&&) noexcept = default;
proxy_handshake::~proxy_handshake() = default;

std::string proxy_handshake::take_output() { return std::exchange(dialogue_->output, {}); }

void proxy_handshake::feed(std::string_view bytes) {
  if (progress() == proxy_progress::open) dialogue_->rest += bytes;
  if (progress() == proxy_progress::needs_input && !bytes.empty()) dialogue_->feed(bytes);
}

void proxy_handshake::eof() {
  if (progress() == proxy_progress::needs_input) dialogue_->eof();
}

proxy_progress proxy_handshake::progress() const noexcept { return dialogue_->progress; }
error_code proxy_handshake::error() const noexcept { return dialogue_->reason; }
unsigned proxy_handshake::http_status() const noexcept { return dialogue_->http_status; }
const std::string& proxy_handshake::detail() const noexcept { return dialogue_->detail; }
std::string proxy_handshake::take_rest() { return std::exchange(dialogue_->rest, {}); }

}  // namespace holdfast
