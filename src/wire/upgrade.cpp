// The opening handshake: writes the request, and checks whether the answer agrees to it (RFC 6455 section
// 4.1). A check that fails reports what was received and what was wanted.
module;
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :ascii;
import :masking;

namespace holdfast {
namespace {

constexpr std::string_view deflate_name = "permessage-deflate";

// Returns the elements of a list, from all fields of that name (RFC 9110 section 5.6.1), trimmed and without
// empty ones. A comma in quotes does not separate.
std::vector<std::string> elements(const http_head& answer, std::string_view name) {
  std::vector<std::string> out(1);
  bool in_quotation = false;
  for (const char c : answer.joined(name)) {
    if (c == '"') in_quotation = !in_quotation;
    if (c == ',' && !in_quotation) {
      out.emplace_back();
    } else if (!out.back().empty() || (c != ' ' && c != '\t')) {
      out.back() += c;
    }
  }
  for (auto& each : out) each.erase(each.find_last_not_of(" \t") + 1);
  std::erase(out, "");
  return out;
}

// RFC 9110 sections 7.8 and 7.6.1: lists of case-insensitive tokens. Returns an empty text if `wanted` is
// among them.
std::string missing_token(const http_head& answer, std::string_view name, std::string_view wanted) {
  if (!answer.has(name)) return "the answer has no " + std::string(name) + " field";
  const auto is_it = [&](const auto& each) { return is_same_header(each, wanted); };
  if (std::ranges::any_of(elements(answer, name), is_it)) return {};
  return std::string(name) + " is " + in_quotes(answer.joined(name)) + ", wanted " + in_quotes(wanted);
}

// A field that is repeated with the same value does no harm.
std::string wrong_accept(const http_head& answer, std::string_view key) {
  constexpr std::string_view name = "Sec-WebSocket-Accept";
  if (!answer.has(name)) return "the answer has no " + std::string(name) + " field";
  const auto wanted = websocket_accept(key);
  for (const auto& [each, value] : answer.headers) {
    if (is_same_header(each, name) && value != wanted)
      return std::string(name) + " does not belong to our key: it is " + in_quotes(value) + ", wanted " +
             in_quotes(wanted);
  }
  return {};
}

std::string broken_handshake(const http_head& answer, std::string_view key) {
  // A request for a WebSocket needs HTTP/1.1 or higher, and so does the answer: 1.0 has no 1xx (RFC 9110
  // section 15.2).
  if (answer.version < 11)
    return "HTTP/1.0 has no status 101: wanted HTTP/1.1 or higher (RFC 6455 section 4.1)";
  if (auto problem = missing_token(answer, "Upgrade", "websocket"); !problem.empty()) return problem;
  if (auto problem = missing_token(answer, "Connection", "Upgrade"); !problem.empty()) return problem;
  return wrong_accept(answer, key);
}

// RFC 6455 section 4.4: a server that refuses our version may list the versions that it supports.
std::string other_versions(const http_head& answer) {
  constexpr std::string_view name = "Sec-WebSocket-Version";
  const auto versions = elements(answer, name);
  if (versions.empty() || std::ranges::find(versions, "13") != versions.end()) return {};
  return std::string(name) + " is " + in_quotes(answer.joined(name)) + ", wanted \"13\"";
}

// Describes the offer. Subprotocols that are not among the options are only counted: they come from the
// provider, and one can be a token.
std::string describe_offer(std::span<const std::string> offered, const upgrade_terms& terms) {
  if (offered.empty()) return "none was offered";
  std::string shown;
  std::size_t hidden = 0;
  for (const auto& each : offered) {
    if (std::ranges::find(terms.subprotocols, each) == terms.subprotocols.end()) {
      ++hidden;
    } else {
      shown += (shown.empty() ? "" : ", ") + each;
    }
  }
  if (hidden == 0) return "offered: " + in_quotes(shown);
  return "offered: " + (shown.empty() ? "" : in_quotes(shown) + " and ") + std::to_string(hidden) +
         " by the credential provider";
}

// Returns whether `chosen` could be one of the provider's subprotocols in an altered form. If so, it is not
// repeated.
bool resembles_secret(std::string_view chosen, std::span<const std::string> offered,
                      const upgrade_terms& terms) {
  const auto lower = ascii::lower(chosen);
  return std::ranges::any_of(offered, [&](const std::string& each) {
    if (std::ranges::find(terms.subprotocols, each) != terms.subprotocols.end()) return false;
    const auto secret = ascii::lower(each);
    return secret.find(lower) != std::string::npos || lower.find(secret) != std::string::npos;
  });
}

// RFC 6455 section 4.1, point 6. The program chooses how strict the check is. Returns an empty text if
// `chosen` is acceptable.
std::string wrong_subprotocol(const std::vector<std::string>& chosen, const upgrade_terms& terms,
                              std::span<const std::string> offered) {
  if (terms.subprotocol == subprotocol_rule::any) return {};
  if (chosen.empty()) {
    if (terms.subprotocol != subprotocol_rule::required) return {};
    return "the server chose no subprotocol, " + describe_offer(offered, terms);
  }
  if (chosen.size() == 1 && std::ranges::find(offered, chosen[0]) != offered.end()) return {};
  std::string all;
  for (const auto& each : chosen) all += (all.empty() ? "" : ", ") + each;
  const auto shown = resembles_secret(all, offered, terms) ? "" : ' ' + in_quotes(all);
  const auto what = chosen.size() == 1 ? "the subprotocol" : std::to_string(chosen.size()) + " subprotocols";
  return "the server chose " + what + shown + ", " + describe_offer(offered, terms);
}

// Describes an answer to our offer that read_agreement() refuses.
std::string wrong_extensions(const http_head& answer, const compression_options& offered) {
  constexpr std::string_view field = "Sec-WebSocket-Extensions";
  const auto chosen = elements(answer, field);
  for (const auto& each : chosen) {
    const auto name = each.substr(0, each.find_first_of("; \t"));
    if (!offered.enabled || !is_same_header(name, deflate_name))
      return "the server chose the extension " + in_quotes(name) + ", which was not offered";
  }
  if (chosen.size() > 1)
    return "the server chose the extension " + in_quotes(deflate_name) + ' ' + std::to_string(chosen.size()) +
           " times";
  return std::string(field) + " is " + in_quotes(answer.joined(field)) +
         ", which does not answer our offer " + in_quotes(offer(offered));
}

// Not by EVP, which sets up all of OpenSSL first: 5 million instructions in a program that speaks ws://
// alone. Nothing depends on the strength of this digest (RFC 6455 section 10.8).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
std::array<unsigned char, SHA_DIGEST_LENGTH> sha1(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA_CTX sum{};
  SHA1_Init(&sum);
  SHA1_Update(&sum, text.data(), text.size());
  SHA1_Final(digest.data(), &sum);
  return digest;
}
#pragma GCC diagnostic pop

}  // namespace

std::string make_websocket_key() {
  std::array<std::uint32_t, 4> nonce{};
  std::ranges::generate(nonce, next_mask);  // random bytes of the system, from the same pool as the masks
  return base64({reinterpret_cast<const char*>(nonce.data()), sizeof nonce});
}

std::string websocket_accept(std::string_view key) {
  const auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string upgrade_request(const target& to, const upgrade_terms& terms, const header_list& headers,
                            std::span<const std::string> subprotocols, std::string_view host_header,
                            std::string_view key) {
  auto out = "GET " + to.path + " HTTP/1.1\r\nHost: ";
  out += host_header.empty() ? std::string_view(to.host_header) : host_header;
  out += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  out += key;
  if (!terms.user_agent.empty()) out += std::string("\r\nUser-Agent: ").append(terms.user_agent);
  if (terms.compression.enabled) out += "\r\nSec-WebSocket-Extensions: " + offer(terms.compression);
  for (std::size_t i = 0; i < subprotocols.size(); ++i) {
    out += i == 0 ? "\r\nSec-WebSocket-Protocol: " : ", ";
    out += subprotocols[i];
  }
  for (const auto& [name, value] : headers) out.append("\r\n").append(name).append(": ").append(value);
  return out + "\r\n\r\n";
}

checked_answer check_answer(const http_head& answer, const upgrade_terms& terms,
                            std::span<const std::string> offered, std::string_view key) {
  const auto refuse = [](error why, std::string detail) {
    return checked_answer{.error = why, .detail = std::move(detail)};
  };
  if (answer.status == 401 || answer.status == 403) return refuse(error::unauthorized, {});
  if (answer.status != 101) return refuse(error::upgrade_refused, other_versions(answer));
  if (auto problem = broken_handshake(answer, key); !problem.empty())
    return refuse(error::upgrade_invalid, std::move(problem));

  // A subprotocol that is named more than once (RFC 6455 section 11.3.4 forbids it) counts once.
  std::vector<std::string> chosen;
  for (auto& each : elements(answer, "Sec-WebSocket-Protocol")) {
    if (std::ranges::find(chosen, each) == chosen.end()) chosen.push_back(std::move(each));
  }
  if (auto problem = wrong_subprotocol(chosen, terms, offered); !problem.empty())
    return refuse(error::subprotocol_mismatch, std::move(problem));

  const auto extensions = ascii::lower(answer.joined("Sec-WebSocket-Extensions"));
  const auto compression = read_agreement(terms.compression, extensions);
  if (compression.has_error())
    return refuse(error::upgrade_invalid, wrong_extensions(answer, terms.compression));
  checked_answer out{.opened = {.compression = *compression, .extensions = extensions}};
  for (const auto& each : chosen)
    out.opened.subprotocol += (out.opened.subprotocol.empty() ? "" : ", ") + each;
  return out;
}

}  // namespace holdfast
