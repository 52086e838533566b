// Finds options that are set but have no effect, because another one decides. Each is a line in the log, so
// that a user need not wonder why a setting changes nothing (R71).
module;
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

bool reaches_tls(const options& given) {
  const auto is_secure = [](const std::string& url) { return read_url(url).to.secure; };
  if (is_secure(given.url) || given.provider) return true;  // a provider may name any URL
  for (const auto& url : given.endpoints.further_urls) {
    if (is_secure(url)) return true;
  }
  return false;
}

bool names_tls_files(const tls_options& tls) {
  return !tls.ca_file.empty() || !tls.ca_directory.empty() || !tls.ca_pem.empty() ||
         !tls.certificate_file.empty();
}

class findings {
 public:
  void add(bool in_vain, std::string_view field, std::string_view why) {
    if (in_vain) lines_.push_back("options." + std::string(field) + " has no effect: " + std::string(why));
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

void find_about_tls(findings& found, const options& given, const options& usual) {
  const auto& tls = given.tls;
  found.add(tls.context && names_tls_files(tls), "tls (files and PEM texts)", "tls.context replaces them");
  if (reaches_tls(given)) return;
  const std::string_view why = "no URL is wss://; only a redirect could lead to one";
  found.add(names_tls_files(tls), "tls", why);
  found.add(!tls.server_name.empty(), "tls.server_name", why);
  found.add(tls.verify != usual.tls.verify, "tls.verify", why);
  found.add(!tls.resume_sessions, "tls.resume_sessions", why);
}

void find_about_messages(findings& found, const options& given, const options& usual) {
  const auto& limits = given.limits;
  found.add(!given.receive_messages && limits.inbound_messages != usual.limits.inbound_messages,
            "limits.inbound_messages", "receive_messages is false");
  found.add(!given.receive_messages && limits.inbound_bytes != usual.limits.inbound_bytes,
            "limits.inbound_bytes", "receive_messages is false");
  const auto& pack = given.compression;
  const auto off = [&](bool differs, std::string_view field) {
    found.add(!pack.enabled && differs, field, "compression.enabled is false");
  };
  off(pack.level != usual.compression.level, "compression.level");
  off(pack.minimum_bytes != usual.compression.minimum_bytes, "compression.minimum_bytes");
  off(pack.client_no_context_takeover, "compression.client_no_context_takeover");
  off(pack.server_no_context_takeover, "compression.server_no_context_takeover");
  off(pack.client_max_window_bits != usual.compression.client_max_window_bits,
      "compression.client_max_window_bits");
  off(pack.server_max_window_bits != usual.compression.server_max_window_bits,
      "compression.server_max_window_bits");
  const auto& jam = given.congestion;
  const auto unwatched = [&](bool differs, std::string_view field) {
    found.add(jam.features.empty() && differs, field, "congestion.features is empty");
  };
  unwatched(jam.backlog_bytes != usual.congestion.backlog_bytes, "congestion.backlog_bytes");
  unwatched(jam.send_latency != usual.congestion.send_latency, "congestion.send_latency");
  unwatched(jam.round_trip != usual.congestion.round_trip, "congestion.round_trip");
  unwatched(jam.calm_for != usual.congestion.calm_for, "congestion.calm_for");
}

}  // namespace

std::vector<std::string> options_without_effect(const options& given) {
  const options usual;
  const auto& more = given.endpoints;
  findings found;
  const bool alone = more.further_urls.empty();
  found.add(alone && more.order == endpoint_order::shuffled, "endpoints.order",
            "endpoints.further_urls is empty");
  found.add(alone && more.prefer_primary, "endpoints.prefer_primary", "endpoints.further_urls is empty");
  found.add(alone && static_cast<bool>(more.select), "endpoints.select", "endpoints.further_urls is empty");
  find_about_tls(found, given, usual);
  found.add(alone && more.cool_down != usual.endpoints.cool_down, "endpoints.cool_down",
            "endpoints.further_urls is empty");
  found.add(alone && !more.next_at_once, "endpoints.next_at_once", "endpoints.further_urls is empty");
  find_about_messages(found, given, usual);
  found.add(given.deadlines.provider != usual.deadlines.provider && !given.provider, "deadlines.provider",
            "provider is not set");
  found.add(given.deadlines.login != usual.deadlines.login && !given.protocol, "deadlines.login",
            "protocol is not set");
  found.add(given.mode == connect_mode::automatic && given.background_grace != usual.background_grace,
            "background_grace", "mode is not manual");
  found.add(given.mode == connect_mode::manual && given.keep_running, "keep_running",
            "in manual mode, run() keeps running anyway");
  found.add(given.network && given.proxy.url.empty() && !given.proxy.from_environment,
            "proxy.from_environment", "network is set, so the environment is not read anyway");
  const auto off = heartbeat_options::off();
  const auto& beat = given.heartbeat;
  found.add(beat.ping_interval == off.ping_interval && beat.pong_only, "heartbeat.pong_only",
            "heartbeat.ping_interval is zero");
  found.add(beat.ping_interval == off.ping_interval && beat.least_pong_deadline != milliseconds::zero(),
            "heartbeat.least_pong_deadline", "heartbeat.ping_interval is zero");
  found.add(beat.ping_interval == off.ping_interval && beat.unresponsive_after != milliseconds::zero(),
            "heartbeat.unresponsive_after", "heartbeat.ping_interval is zero");
  return found.take();
}

}  // namespace holdfast
