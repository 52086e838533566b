// Reads heads of HTTP/1. Beast parses them. An answer is first rewritten into the one form that Beast
// accepts, because a client may accept more (RFC 9112 sections 2.2 to 5.2). The body length that a head
// states is not used here: the bytes behind the empty line are passed on unchanged.
module;
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :ascii;

namespace holdfast {
namespace {

namespace http = boost::beast::http;

constexpr unsigned most_interim_answers = 20;
constexpr std::string_view protocol_name = "HTTP/";
constexpr std::size_t most_quoted = 40;

// Fills `head`, or returns the error; need_more if the head is incomplete. The caller limits the size: a
// client reads no more than limits.upgrade_bytes.
template <bool is_request>
error_code parse(std::string_view bytes, http_head& head) {
  http::parser<is_request, http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size() + 1, 1U << 30U)));
  parser.body_limit(boost::none);
  error_code ec;
  head.size_bytes = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec) return ec;
  if (!parser.is_header_done()) return http::error::need_more;
  if constexpr (is_request) {
    head.path = parser.get().target();
  } else {
    head.status = parser.get().result_int();
  }
  head.headers.clear();
  for (const auto& field : parser.get()) head.headers.emplace_back(field.name_string(), field.value());
  return {};
}

// A head read line by line, with white space and folding removed. If it has neither a head nor a problem, it
// is incomplete.
struct head_lines {
  std::optional<http_head> head{};
  std::string reason{};
  std::string problem{};
};

// RFC 9112 section 2.2: a line may end with a line feed alone. Returns nothing if no line is complete.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// A server that expects TLS answers our request with an alert: a record of type 0x14 to 0x17, version 3.
std::string not_http(std::string_view bytes) {
  const bool is_tls = bytes.size() > 1 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3;
  const auto line = bytes.substr(0, std::max<std::size_t>(bytes.find_first_of("\r\n"), 1));
  return "the answer is not HTTP: it begins with " + in_quotes(line) +
         (is_tls ? ", as TLS does: should the URL be wss://?" : "");
}

// RFC 9112 section 4. The reason, and the space before it, may be missing.
std::string take_status_line(std::string_view line, head_lines& into) {
  if (!is_field_value(line)) return "the status line has a control character: " + in_quotes(line);
  const auto version = line.substr(0, line.find_first_of(" \t"));
  const auto digits = version.substr(protocol_name.size());
  if (digits.size() != 3 || digits[0] != '1' || digits[1] != '.' || !ascii::is_digit(digits[2]))
    return "the answer is " + in_quotes(version) + ", wanted \"HTTP/1.1\"";
  const auto rest = ascii::trim(line.substr(version.size()));
  const auto status = rest.substr(0, rest.find_first_of(" \t"));
  if (status.size() != 3 || status[0] == '0' || !std::ranges::all_of(status, ascii::is_digit))
    return "the status line is " + in_quotes(line) + ", wanted a status of three digits";
  into.head.emplace();
  into.head->version = digits[2] == '0' ? 10 : 11;
  for (const char digit : status)
    into.head->status = 10 * into.head->status + static_cast<unsigned>(digit - '0');
  into.reason = ascii::trim(rest.substr(status.size()));
  return {};
}

// RFC 9112 section 5. White space before the colon is not part of the name (section 5.1), and a line that
// begins with white space continues the line before it (section 5.2).
std::string take_field(std::string_view line, header_list& fields) {
  if (!is_field_value(line)) return "a header line has a control character: " + in_quotes(line);
  if (line.front() == ' ' || line.front() == '\t') {
    if (fields.empty()) return "white space comes before the first header field: " + in_quotes(line);
    auto& value = fields.back().second;
    const auto more = ascii::trim(line);
    if (!value.empty() && !more.empty()) value += ' ';
    value += more;
    return {};
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return "a header line has no colon: " + in_quotes(line);
  const auto name = ascii::trim(line.substr(0, colon));
  if (name.empty()) return "a header line has no name: " + in_quotes(line);
  if (!is_token(name)) return "a header field has a name that is not allowed: " + in_quotes(name);
  fields.emplace_back(name, ascii::trim(line.substr(colon + 1)));
  return {};
}

// One empty line may precede the head, as servers accept it from clients (RFC 9112 section 2.2).
head_lines read_lines(std::string_view bytes) {
  auto rest = bytes;
  if (rest.starts_with("\r\n")) {
    rest.remove_prefix(2);
  } else if (rest.starts_with('\n')) {
    rest.remove_prefix(1);
  } else if (rest == "\r") {
    return {};
  }
  head_lines out;
  if (!rest.starts_with(protocol_name.substr(0, rest.size()))) return {.problem = not_http(rest)};
  auto line = take_line(rest);
  if (!line) return {};
  out.problem = take_status_line(*line, out);
  while (out.problem.empty()) {
    line = take_line(rest);
    if (!line) return {};
    if (line->empty()) {
      out.head->size_bytes = bytes.size() - rest.size();
      return out;
    }
    out.problem = take_field(*line, out.head->headers);
  }
  out.head.reset();
  return out;
}

bool is_about_length(std::string_view name) {
  return is_same_header(name, "Content-Length") || is_same_header(name, "Transfer-Encoding");
}

// RFC 9112 section 6.3: a 1xx answer ends with its empty line, whatever length its fields state.
std::string to_text(const head_lines& from) {
  auto out = "HTTP/1.1 " + std::to_string(from.head->status) + ' ' + from.reason + "\r\n";
  // Of an answer with both, the length does not count (RFC 9112 section 6.3).
  const bool has_codings = from.head->has("Transfer-Encoding");
  for (const auto& [name, value] : from.head->headers) {
    const bool counts = from.head->status >= 200 && !(has_codings && is_same_header(name, "Content-Length"));
    if (counts || !is_about_length(name)) out.append(name).append(": ").append(value).append("\r\n");
  }
  return out + "\r\n";
}

// Names the field that Beast refuses: beyond the syntax it checks lists and numbers in the fields of HTTP
// itself.
std::string describe_refusal(error_code why, const http_head& head) {
  for (const auto* name : {"Content-Length", "Transfer-Encoding", "Connection", "Proxy-Connection"}) {
    const bool is_length = is_about_length(name);
    if (head.has(name) && is_length != (why == http::error::bad_value))
      return std::string(name) + " is " + in_quotes(head.joined(name)) +
             ", which is not valid: " + why.message();
  }
  return "the header is not valid: " + why.message();
}

}  // namespace

std::string_view http_head::header(std::string_view name) const noexcept {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& each) { return is_same_header(each.first, name); });
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

bool http_head::has(std::string_view name) const noexcept {
  return std::ranges::any_of(headers, [&](const auto& each) { return is_same_header(each.first, name); });
}

std::string http_head::joined(std::string_view name) const {
  std::string out;
  for (const auto& [each, value] : headers) {
    if (is_same_header(each, name)) out += (out.empty() ? "" : ", ") + value;
  }
  return out;
}

answer_reading read_answer(std::string_view bytes) {
  const auto refuse = [](std::string why) {
    return answer_reading{.error = error::upgrade_invalid, .detail = std::move(why)};
  };
  std::size_t begin = 0;
  for (unsigned interim = 0; interim <= most_interim_answers; ++interim) {
    auto lines = read_lines(bytes.substr(begin));
    if (!lines.problem.empty()) return refuse(std::move(lines.problem));
    if (!lines.head) return {};
    begin += lines.head->size_bytes;
    if (lines.head->status < 200 && lines.head->status != 101) continue;
    auto& head = *lines.head;
    http_head by_beast;
    if (const auto failed = parse<false>(to_text(lines), by_beast))
      return refuse(describe_refusal(failed, head));
    head.size_bytes = begin;
    head.body = bytes.substr(begin);
    return {.head = std::move(head)};
  }
  return refuse("more than " + std::to_string(most_interim_answers) + " interim answers (1xx) came");
}

result<std::optional<http_head>> parse_answer(std::string_view bytes) {
  auto reading = read_answer(bytes);
  if (reading.error) return reading.error;
  return std::move(reading.head);
}

result<std::optional<http_head>> parse_request(std::string_view bytes) {
  http_head head;
  const auto ec = parse<true>(bytes, head);
  if (ec == http::error::need_more) return std::optional<http_head>{};
  if (ec) return make_error_code(error::upgrade_invalid);
  head.body = bytes.substr(std::min(head.size_bytes, bytes.size()));
  return std::optional(std::move(head));
}

std::string in_quotes(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty() && out.size() <= most_quoted) {
    const auto length = shown_length(text);
    const unsigned byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out.append("\\x").append({digits[byte >> 4U], digits[byte & 15U]});
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + (text.empty() ? "\"" : "...\"");
}

}  // namespace holdfast
