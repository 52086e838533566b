#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "command.hpp"
#include "fields.hpp"

import holdfast;

namespace tool {
namespace {

using holdfast::options;

// What a value of a type looks like, and how it is read. Empty: the text is none.
template <class T>
struct kind;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

template <>
struct kind<std::string> {
  static constexpr std::string_view looks = "text";
  static std::optional<std::string> read(std::string_view text) { return std::string(text); }
};
template <>
struct kind<bool> {
  static constexpr std::string_view looks = "true or false";
  static std::optional<bool> read(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
  }
};
template <>
struct kind<int> {
  static constexpr std::string_view looks = "a number";
  static std::optional<int> read(std::string_view text) { return number<int>(text); }
};
template <>
struct kind<unsigned> {
  static constexpr std::string_view looks = "a number";
  static std::optional<unsigned> read(std::string_view text) { return number<unsigned>(text); }
};
template <>
struct kind<double> {
  static constexpr std::string_view looks = "a number, such as 1.5";
  static std::optional<double> read(std::string_view text) { return number<double>(text); }
};
template <>
struct kind<std::size_t> {
  static constexpr std::string_view looks = "a size, such as 65536, 64KiB or 1MiB";
  static std::optional<std::size_t> read(std::string_view text) {
    std::size_t unit = 1;
    for (const auto& [name, bytes] :
         {std::pair<std::string_view, std::size_t>{"KiB", 1024}, {"MiB", 1048576}}) {
      if (!text.ends_with(name)) continue;
      text.remove_suffix(name.size());
      unit = bytes;
    }
    const auto count = number<std::size_t>(text);
    if (!count || *count > std::numeric_limits<std::size_t>::max() / unit) return std::nullopt;
    return *count * unit;
  }
};
template <>
struct kind<std::chrono::milliseconds> {
  static constexpr std::string_view looks = "a duration, such as 250ms, 1.5s, 20s, 5min or 1h";
  static std::optional<std::chrono::milliseconds> read(std::string_view text) {
    constexpr auto units = std::to_array<std::pair<std::string_view, double>>(
        {{"ms", 1}, {"min", 60e3}, {"s", 1e3}, {"h", 3600e3}});
    const auto unit =
        std::ranges::find_if(units, [&](const auto& each) { return text.ends_with(each.first); });
    if (unit == units.end()) return std::nullopt;
    text.remove_suffix(unit->first.size());
    const auto count = number<double>(text);
    constexpr double longest = 1e14;
    if (!count || !(std::abs(*count) < longest / unit->second)) return std::nullopt;
    return std::chrono::milliseconds(std::llround(*count * unit->second));
  }
};
template <class T>
struct kind<std::optional<T>> : kind<T> {};

// Of an enumeration: the names of its values.
template <class T>
struct kind_of_names {
  static std::optional<T> read(std::string_view text) {
    for (const auto& [name, value] : kind<T>::names) {
      if (name == text) return value;
    }
    return std::nullopt;
  }
};
template <class T>
using name_of = std::pair<std::string_view, T>;
template <>
struct kind<holdfast::connect_mode> : kind_of_names<holdfast::connect_mode> {
  static constexpr std::string_view looks = "automatic or manual";
  static constexpr auto names = std::to_array<name_of<holdfast::connect_mode>>(
      {{"automatic", holdfast::connect_mode::automatic}, {"manual", holdfast::connect_mode::manual}});
};
template <>
struct kind<holdfast::subprotocol_rule> : kind_of_names<holdfast::subprotocol_rule> {
  using rule = holdfast::subprotocol_rule;
  static constexpr std::string_view looks = "offered_or_none, required or any";
  static constexpr auto names = std::to_array<name_of<rule>>(
      {{"offered_or_none", rule::offered_or_none}, {"required", rule::required}, {"any", rule::any}});
};
template <>
struct kind<holdfast::utf8_rule> : kind_of_names<holdfast::utf8_rule> {
  using rule = holdfast::utf8_rule;
  static constexpr std::string_view looks = "strict, replace or as_binary";
  static constexpr auto names = std::to_array<name_of<rule>>(
      {{"strict", rule::strict}, {"replace", rule::replace}, {"as_binary", rule::as_binary}});
};
template <>
struct kind<holdfast::tls_verify> : kind_of_names<holdfast::tls_verify> {
  static constexpr std::string_view looks = "peer or none";
  static constexpr auto names = std::to_array<name_of<holdfast::tls_verify>>(
      {{"peer", holdfast::tls_verify::peer}, {"none", holdfast::tls_verify::none}});
};
template <>
struct kind<holdfast::endpoint_order> : kind_of_names<holdfast::endpoint_order> {
  static constexpr std::string_view looks = "ordered or shuffled";
  static constexpr auto names = std::to_array<name_of<holdfast::endpoint_order>>(
      {{"ordered", holdfast::endpoint_order::ordered}, {"shuffled", holdfast::endpoint_order::shuffled}});
};
// Each assignment adds one.
template <>
struct kind<std::vector<std::string>> : kind<std::string> {
  static constexpr std::string_view looks = "text; may be repeated";
};

struct field {
  std::string_view name;
  std::string_view looks;
  std::function<bool(options&, std::string_view)> set;  // false: the text is no such value
};

template <class T>
bool assign(T& to, std::string_view text) {
  auto value = kind<T>::read(text);
  if (!value) return false;
  if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    to.push_back(std::move(*value));
  } else {
    auto& read = *value;
    to = std::move(read);
  }
  return true;
}
template <class T>
field row(std::string_view name, T options::* member) {
  return {name, kind<T>::looks,
          [member](options& in, std::string_view text) { return assign(in.*member, text); }};
}
template <class Group, class T>
field row(std::string_view name, Group options::* group, T Group::* member) {
  return {name, kind<T>::looks,
          [group, member](options& in, std::string_view text) { return assign(in.*group.*member, text); }};
}

// clang-format off
std::vector<field> make_fields() {
  using namespace holdfast;
  return {
      row("mode", &options::mode), row("user_agent", &options::user_agent),
      row("subprotocols", &options::subprotocols), row("subprotocol", &options::subprotocol),
      row("invalid_text", &options::invalid_text), row("receive_messages", &options::receive_messages),
      row("keep_cookies", &options::keep_cookies), row("keep_running", &options::keep_running),
      row("close_timeout", &options::close_timeout), row("background_grace", &options::background_grace),
      row("log_to_clog", &options::log_to_clog), row("watch_network", &options::watch_network),
      row("random_seed", &options::random_seed),

      row("endpoints.further_urls", &options::endpoints, &endpoint_options::further_urls),
      row("endpoints.order", &options::endpoints, &endpoint_options::order),
      row("endpoints.cool_down", &options::endpoints, &endpoint_options::cool_down),
      row("endpoints.prefer_primary", &options::endpoints, &endpoint_options::prefer_primary),
      row("endpoints.plaintext_urls", &options::endpoints, &endpoint_options::plaintext_urls),
      row("endpoints.next_at_once", &options::endpoints, &endpoint_options::next_at_once),

      row("tls.verify", &options::tls, &tls_options::verify),
      row("tls.ca_file", &options::tls, &tls_options::ca_file),
      row("tls.ca_directory", &options::tls, &tls_options::ca_directory),
      row("tls.certificate_file", &options::tls, &tls_options::certificate_file),
      row("tls.key_file", &options::tls, &tls_options::key_file),
      row("tls.server_name", &options::tls, &tls_options::server_name),
      row("tls.resume_sessions", &options::tls, &tls_options::resume_sessions),

      row("proxy.url", &options::proxy, &proxy_options::url),
      row("proxy.from_environment", &options::proxy, &proxy_options::from_environment),

      row("retry.base", &options::retry, &retry_policy::base),
      row("retry.factor", &options::retry, &retry_policy::factor),
      row("retry.cap", &options::retry, &retry_policy::cap),
      row("retry.first_spread", &options::retry, &retry_policy::first_spread),
      row("retry.stable_after", &options::retry, &retry_policy::stable_after),
      row("retry.retry_after_limit", &options::retry, &retry_policy::retry_after_limit),
      row("retry.attempt_limit", &options::retry, &retry_policy::attempt_limit),
      row("retry.retry_first_connect", &options::retry, &retry_policy::retry_first_connect),
      row("retry.refusals_before_final", &options::retry, &retry_policy::refusals_before_final),

      row("heartbeat.ping_interval", &options::heartbeat, &heartbeat_options::ping_interval),
      row("heartbeat.pong_deadline", &options::heartbeat, &heartbeat_options::pong_deadline),
      row("heartbeat.probe_deadline", &options::heartbeat, &heartbeat_options::probe_deadline),
      row("heartbeat.least_pong_deadline", &options::heartbeat, &heartbeat_options::least_pong_deadline),
      row("heartbeat.unresponsive_after", &options::heartbeat, &heartbeat_options::unresponsive_after),
      row("heartbeat.pong_only", &options::heartbeat, &heartbeat_options::pong_only),

      row("deadlines.attempt", &options::deadlines, &deadline_options::attempt),
      row("deadlines.provider", &options::deadlines, &deadline_options::provider),
      row("deadlines.resolve", &options::deadlines, &deadline_options::resolve),
      row("deadlines.connect", &options::deadlines, &deadline_options::connect),
      row("deadlines.proxy", &options::deadlines, &deadline_options::proxy),
      row("deadlines.tls", &options::deadlines, &deadline_options::tls),
      row("deadlines.address_step", &options::deadlines, &deadline_options::address_step),
      row("deadlines.upgrade", &options::deadlines, &deadline_options::upgrade),

      row("session.lifetime", &options::session, &session_options::lifetime),

      row("limits.inbound_messages", &options::limits, &limit_options::inbound_messages),
      row("limits.inbound_bytes", &options::limits, &limit_options::inbound_bytes),
      row("limits.outbound_messages", &options::limits, &limit_options::outbound_messages),
      row("limits.outbound_bytes", &options::limits, &limit_options::outbound_bytes),
      row("limits.message_bytes", &options::limits, &limit_options::message_bytes),
      row("limits.upgrade_bytes", &options::limits, &limit_options::upgrade_bytes),

      row("congestion.features", &options::congestion, &congestion_options::features),
      row("congestion.backlog_bytes", &options::congestion, &congestion_options::backlog_bytes),
      row("congestion.send_latency", &options::congestion, &congestion_options::send_latency),
      row("congestion.round_trip", &options::congestion, &congestion_options::round_trip),
      row("congestion.calm_for", &options::congestion, &congestion_options::calm_for),

      row("compression.enabled", &options::compression, &compression_options::enabled),
      row("compression.level", &options::compression, &compression_options::level),
      row("compression.client_no_context_takeover", &options::compression, &compression_options::client_no_context_takeover),
      row("compression.server_no_context_takeover", &options::compression, &compression_options::server_no_context_takeover),
      row("compression.client_max_window_bits", &options::compression, &compression_options::client_max_window_bits),
      row("compression.server_max_window_bits", &options::compression, &compression_options::server_max_window_bits),
      row("compression.minimum_bytes", &options::compression, &compression_options::minimum_bytes),
  };
}
// clang-format on

const std::vector<field>& fields() {
  static const auto all = make_fields();
  return all;
}

}  // namespace

void set_field(options& out, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) throw usage_error("-o wants FIELD=VALUE, such as -o retry.cap=10s");
  const auto name = assignment.substr(0, equals);
  const auto found = std::ranges::find(fields(), name, &field::name);
  if (found == fields().end())
    throw usage_error("-o: there is no field \"" + holdfast::one_line(name, 60) + "\"; -o help lists them");
  if (!found->set(out, assignment.substr(equals + 1)))
    throw usage_error("-o " + std::string(name) + ": the value must be " + std::string(found->looks));
}

std::chrono::milliseconds read_duration(const std::string& option, std::string_view text) {
  using duration = kind<std::chrono::milliseconds>;
  if (const auto value = duration::read(text)) return *value;
  throw usage_error(option + " must be " + std::string(duration::looks));
}

std::string list_fields() {
  std::string out;
  for (const auto& each : fields()) {
    std::string line(each.name);
    constexpr std::size_t column = 40;
    line.resize(std::max(column, line.size() + 1), ' ');
    out += line + std::string(each.looks) + '\n';
  }
  return out;
}

}  // namespace tool
