// Numbers as text: OpenMetrics 1.0 (RFC draft richih-opsawg-openmetrics), a family of metrics after the
// other.
module;
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

module holdfast.core;

import :stats;

namespace holdfast {
namespace {

std::string shown(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\') out += '\\';
    each == '\n' ? out += "\\n" : out += each;
  }
  return out + '"';
}

std::string label(std::string_view name, std::string_view value) {
  return std::string(name) + '=' + quoted(value);
}

class writer {
 public:
  // Of what follows. `type`: of OpenMetrics.
  writer& family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = "holdfast_" + std::string(name);
    suffix_ = type == "counter" ? "_total" : "";
    out_ += "# TYPE " + name_ + ' ' + std::string(type) + '\n';
    if (name_.ends_with("_seconds")) out_ += "# UNIT " + name_ + " seconds\n";
    if (name_.ends_with("_bytes")) out_ += "# UNIT " + name_ + " bytes\n";
    out_ += "# HELP " + name_ + ' ' + std::string(help) + '\n';
    return *this;
  }
  writer& sample(std::string_view value, const std::string& labels = {}) {
    return line(suffix_, labels, value);
  }
  writer& sample(std::uint64_t value, const std::string& labels = {}) {
    return sample(std::to_string(value), labels);
  }
  void histogram(std::string_view name, std::string_view help, const duration_histogram& of) {
    family(name, "histogram", help).distribution(of, {});
  }
  // One of a family of histograms.
  void distribution(const duration_histogram& of, const std::string& labels) {
    const auto more = labels.empty() ? labels : labels + ',';
    const auto counts = of.up_to_bounds();
    for (std::size_t i = 0; i < duration_histogram::bounds.size(); ++i)
      line("_bucket", more + label("le", shown(duration_histogram::bounds[i])), std::to_string(counts[i]));
    line("_bucket", more + label("le", "+Inf"), std::to_string(counts.back()));
    line("_count", labels, std::to_string(counts.back()));
    line("_sum", labels, shown(std::chrono::duration<double>(of.sum()).count()));
  }
  std::string take() { return out_ + "# EOF\n"; }

 private:
  writer& line(std::string_view suffix, const std::string& labels, std::string_view value) {
    out_.append(name_).append(suffix);
    if (!labels.empty()) out_ += '{' + labels + '}';
    out_.append(1, ' ').append(value).append(1, '\n');
    return *this;
  }

  std::string out_;
  std::string name_;
  std::string_view suffix_;
};

// By labels, because errors of two categories may have one text.
std::map<std::string, std::uint64_t> failures_of(const connection_stats& total, bool of_sessions) {
  std::map<std::string, std::uint64_t> out;
  for (const auto& each : total.failures) {
    if ((each.at == stage::session) != of_sessions) continue;
    const auto error = label("error", each.error ? each.error.message() : "other");
    out[of_sessions ? error : label("stage", to_string(each.at)) + ',' + error] += each.count;
  }
  return out;
}

void write_life(writer& out, const context_stats& of) {
  const auto& total = of.total;
  out.family("connections", "gauge", "Connections that exist, by state.");
  for (std::size_t i = 0; i < of.connections.size(); ++i)
    out.sample(of.connections[i], label("state", to_string(static_cast<connection_state>(i))));
  out.family("dial_attempts", "counter", "Attempts to open a WebSocket that were begun.")
      .sample(total.attempts);
  out.family("dial_failures", "counter", "Attempts that failed, by the stage that they had reached.");
  for (const auto& [labels, count] : failures_of(total, false)) out.sample(count, labels);
  out.family("sessions", "counter", "WebSockets that were opened.").sample(total.sessions);
  out.family("session_losses", "counter", "Sessions that ended although the program wanted them.");
  for (const auto& [labels, count] : failures_of(total, true)) out.sample(count, labels);
  out.family("migrations", "counter", "Sessions that took the place of another without a break.")
      .sample(total.moves);
  out.family("resumes", "counter", "Sessions in which the protocol continued an earlier one.")
      .sample(total.resumed);
  out.family("gaps", "counter", "Resumed sessions in which messages were missing.").sample(total.gaps);
  out.family("connected_seconds", "counter", "Time for which sessions were usable.")
      .sample(shown(std::chrono::duration<double>(total.connected_for).count()));
  out.family("heartbeat_missed", "counter", "Answers to heartbeats that were late, or did not come.")
      .sample(total.missed_heartbeats);
  out.family("clock_jumps", "counter", "Suspends of the machine that were noticed.")
      .sample(total.clock_jumps);
  out.family("network_changes", "counter", "Changes of the network.").sample(total.network_changes);
}

void write_traffic(writer& out, const connection_stats& total) {
  const auto& sent = total.messages_sent;
  out.family("messages", "counter", "Messages of the program, by what has become of them.")
      .sample(total.messages_received, label("direction", "in") + ',' + label("outcome", "received"));
  const auto ended = [&out](std::string_view outcome, std::uint64_t count) {
    out.sample(count, label("direction", "out") + ',' + label("outcome", outcome));
  };
  ended("written", sent.written);
  ended("acked", sent.acked);
  ended("not_sent", sent.not_sent);
  ended("in_doubt", sent.in_doubt);
  ended("dropped", sent.dropped);
  out.family("io_bytes", "counter", "Bytes of WebSocket frames.")
      .sample(total.bytes_received, label("direction", "in"))
      .sample(total.bytes_sent, label("direction", "out"));
  out.family("payload_bytes", "counter", "Bytes of messages, uncompressed.")
      .sample(total.payload_bytes_received, label("direction", "in"))
      .sample(total.payload_bytes_sent, label("direction", "out"));
  out.family("outbox_messages", "gauge", "Messages that wait to leave, or to be acknowledged.")
      .sample(sent.pending());
  out.family("outbox_bytes", "gauge", "The same in bytes.").sample(total.waiting_bytes);
  out.family("inbox_messages", "gauge", "Messages that the program has not taken yet.")
      .sample(total.unread_messages);
}

void write_times(writer& out, const measured_times& of) {
  out.histogram("dial_duration_seconds", "From the beginning of an attempt to an open WebSocket.", of.dials);
  out.family("dial_stage_duration_seconds", "histogram", "Stages of attempts; only stages that succeeded.");
  for (std::size_t i = 0; i < of.stages.size(); ++i) {
    const auto at = static_cast<stage>(i);
    if (at == stage::none || at == stage::session) continue;
    out.distribution(of.stages[i], label("stage", to_string(at)));
  }
  out.histogram("retry_wait_seconds", "Waits between two attempts, as they were decided.", of.waits);
  out.histogram("session_duration_seconds", "From usable to the end.", of.sessions);
  out.histogram("rtt_seconds", "From a ping to its answer.", of.round_trips);
  out.histogram("send_latency_seconds", "From send() until the system has taken a message; one in 16.",
                of.sends);
  out.histogram("ack_latency_seconds", "From send() until the server has acknowledged it; one in 16.",
                of.acks);
}

}  // namespace

std::string to_openmetrics(const context_stats& of) {
  writer out;
  write_life(out, of);
  write_traffic(out, of.total);
  write_times(out, of.times);
  return out.take();
}

}  // namespace holdfast
