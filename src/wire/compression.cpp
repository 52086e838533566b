// The negotiation of RFC 7692 section 7.1: what each side may ask for, what it must answer, and what is
// agreed.
module;
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

constexpr std::string_view extension_name = "permessage-deflate";
constexpr int most_window_bits = 15;

struct parameter {
  std::string_view name{};
  std::optional<std::string> value{};
};
struct extension {
  std::string_view name{};
  std::vector<parameter> parameters{};
};

// Reads a list of extensions (RFC 6455 section 9.1), including the white space and the empty elements that
// RFC 9110 section 5.6 allows.
class list_reader {
 public:
  explicit list_reader(std::string_view text) : rest_(text) {}

  // Returns nothing if the list is malformed.
  std::optional<std::vector<extension>> read() {
    std::vector<extension> out;
    for (;;) {
      if (take(',')) continue;
      if (rest_.empty()) return out;
      extension next{.name = token()};
      if (next.name.empty()) return std::nullopt;
      while (take(';')) {
        next.parameters.push_back({.name = token()});
        auto& last = next.parameters.back();
        if (take('=')) last.value = value();
        if (last.name.empty() || last.value == "") return std::nullopt;
      }
      if (!take(',') && !rest_.empty()) return std::nullopt;
      out.push_back(std::move(next));
    }
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
  bool take(char wanted) {
    skip_space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    skip_space();
    const auto end = std::ranges::find_if_not(rest_, is_token_character);
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }
  // Reads a token, or one in quotes. Returns an empty text for anything else.
  std::string value() {
    if (!take('"')) return std::string(token());
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || !is_token_character(rest_.front())) return {};
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return take('"') ? out : std::string{};
  }

  std::string_view rest_;
};

// The four parameters of section 7.1, of an offer or of the answer to it.
struct deflate_parameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits{};
  std::optional<int> client_max_window_bits{};
};

// Section 7.1.2: decimal, without leading zeroes, from 8 to 15.
std::optional<int> read_window_bits(std::string_view text) {
  int bits = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool whole = ec == std::errc{} && end == text.data() + text.size() && !text.starts_with('0');
  return whole && bits >= 8 && bits <= most_window_bits ? std::optional(bits) : std::nullopt;
}

// Returns nothing if a parameter is unknown or repeated, or has an invalid value. Only an offer may leave out
// the value of client_max_window_bits (section 7.1.2.2).
std::optional<deflate_parameters> read_parameters(const extension& from, bool is_offer) {
  deflate_parameters out;
  for (const auto& [name, value] : from.parameters) {
    if (std::ranges::count(from.parameters, name, &parameter::name) != 1) return std::nullopt;
    if (name == "server_no_context_takeover" && !value) {
      out.server_no_context_takeover = true;
    } else if (name == "client_no_context_takeover" && !value) {
      out.client_no_context_takeover = true;
    } else if (name == "server_max_window_bits" && value) {
      out.server_max_window_bits = read_window_bits(*value);
      if (!out.server_max_window_bits) return std::nullopt;
    } else if (name == "client_max_window_bits" && (value || is_offer)) {
      out.client_max_window_bits = value ? read_window_bits(*value) : most_window_bits;
      if (!out.client_max_window_bits) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::string write(const deflate_parameters& from) {
  std::string out(extension_name);
  if (from.server_no_context_takeover) out += "; server_no_context_takeover";
  if (from.client_no_context_takeover) out += "; client_no_context_takeover";
  if (from.server_max_window_bits) {
    out += "; server_max_window_bits=" + std::to_string(*from.server_max_window_bits);
  }
  if (from.client_max_window_bits) {
    out += "; client_max_window_bits";
    if (*from.client_max_window_bits < most_window_bits)
      out += '=' + std::to_string(*from.client_max_window_bits);
  }
  return out;
}

// For either side. Where the answer does not limit the client's messages, the client's own options still do.
agreed_compression what_holds(const compression_options& given, const deflate_parameters& answer) {
  return {
      .client = {.window_bits = std::min(given.client_max_window_bits,
                                         answer.client_max_window_bits.value_or(most_window_bits)),
                 .context_takeover = !given.client_no_context_takeover && !answer.client_no_context_takeover},
      .server = {.window_bits = answer.server_max_window_bits.value_or(most_window_bits),
                 .context_takeover = !answer.server_no_context_takeover},
      .level = given.level,
      .minimum_bytes = given.minimum_bytes};
}

// Returns nothing if we cannot meet the offer. If a client does not offer client_max_window_bits, we must not
// limit its window (section 7.1.2.2).
std::optional<deflate_parameters> answer_to(const deflate_parameters& asked,
                                            const compression_options& given) {
  if (given.client_max_window_bits < most_window_bits && !asked.client_max_window_bits) return std::nullopt;
  deflate_parameters out{
      .server_no_context_takeover = asked.server_no_context_takeover || given.server_no_context_takeover,
      .client_no_context_takeover = asked.client_no_context_takeover || given.client_no_context_takeover};
  const auto server_bits =
      std::min(given.server_max_window_bits, asked.server_max_window_bits.value_or(most_window_bits));
  const auto client_bits =
      std::min(given.client_max_window_bits, asked.client_max_window_bits.value_or(most_window_bits));
  if (asked.server_max_window_bits || server_bits < most_window_bits)
    out.server_max_window_bits = server_bits;
  if (client_bits < most_window_bits) out.client_max_window_bits = client_bits;
  return out;
}

}  // namespace

void validate(const compression_options& given) {
  const auto must_be = [](const char* field, int value, int least, int most) {
    if (value >= least && value <= most) return;
    throw option_error(field, "must be from " + std::to_string(least) + " to " + std::to_string(most));
  };
  must_be("compression.level", given.level, 1, 9);
  must_be("compression.client_max_window_bits", given.client_max_window_bits, 9, most_window_bits);
  must_be("compression.server_max_window_bits", given.server_max_window_bits, 9, most_window_bits);
}

// Always offers client_max_window_bits: letting the server limit our window costs nothing.
std::string offer(const compression_options& given) {
  if (!given.enabled) return {};
  deflate_parameters out{.server_no_context_takeover = given.server_no_context_takeover,
                         .client_no_context_takeover = given.client_no_context_takeover,
                         .client_max_window_bits = given.client_max_window_bits};
  if (given.server_max_window_bits < most_window_bits)
    out.server_max_window_bits = given.server_max_window_bits;
  return write(out);
}

result<std::optional<agreed_compression>> read_agreement(const compression_options& offered,
                                                         std::string_view answer) {
  const auto extensions = list_reader(answer).read();
  if (!extensions) return make_error_code(error::upgrade_invalid);
  if (extensions->empty()) return std::optional<agreed_compression>{};
  const auto& first = extensions->front();
  if (!offered.enabled || extensions->size() != 1 || first.name != extension_name) {
    return make_error_code(error::upgrade_invalid);
  }
  const auto answered = read_parameters(first, false);
  if (!answered) return make_error_code(error::upgrade_invalid);
  // A server may limit itself where we have not asked for it, but must meet the limits that we have asked for
  // (sections 7.1.1.1, 7.1.2.1).
  const bool met =
      (answered->server_no_context_takeover || !offered.server_no_context_takeover) &&
      answered->server_max_window_bits.value_or(most_window_bits) <= offered.server_max_window_bits;
  if (!met) return make_error_code(error::upgrade_invalid);
  return std::optional(what_holds(offered, *answered));
}

std::optional<accepted_offer> accept_offer(const compression_options& given, std::string_view offers) {
  const auto extensions = list_reader(offers).read();
  if (!given.enabled || !extensions) return std::nullopt;
  for (const auto& each : *extensions) {
    if (each.name != extension_name) continue;
    const auto asked = read_parameters(each, true);
    if (!asked) continue;
    if (const auto answer = answer_to(*asked, given))
      return accepted_offer{write(*answer), what_holds(given, *answer)};
  }
  return std::nullopt;
}

}  // namespace holdfast
