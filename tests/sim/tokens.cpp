// The filling follows from the head, so that a message that was mixed with another one is noticed.
#include "tokens.hpp"

#include <charconv>
#include <system_error>

namespace sim {
namespace {

std::optional<std::size_t> number(std::string_view& text, char end) {
  std::size_t value = 0;
  const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || stop == text.data() + text.size() || *stop != end) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return value;
}

}  // namespace

std::string fill_token(std::string head, std::size_t size) {
  std::size_t shift = 0;  // so that no two messages look alike
  for (const char c : head) shift = shift * 3 + static_cast<unsigned char>(c);
  while (head.size() < size) head += static_cast<char>('a' + (head.size() + shift) % 26);
  return head;
}

std::optional<token> parse_token(std::string_view payload) {
  auto rest = payload;
  token out{};
  if (!rest.empty() && rest.front() == 's') {
    rest.remove_prefix(1);
    const auto session = number(rest, '.');
    const auto which = session ? number(rest, ':') : std::nullopt;
    if (!which) return std::nullopt;
    out = {true, *session, *which};
  } else {
    const auto which = number(rest, ':');
    if (!which) return std::nullopt;
    out = {false, 0, *which};
  }
  const auto head = payload.substr(0, payload.size() - rest.size());
  if (fill_token(std::string(head), payload.size()) != payload) return std::nullopt;
  return out;
}

}  // namespace sim
