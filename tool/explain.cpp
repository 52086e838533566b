// holdfast explain: what the retry policy does, without a connection.
#include <array>
#include <boost/json.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "fields.hpp"
#include "output.hpp"
#include "schedule.hpp"

import holdfast;

namespace tool {
namespace {

using holdfast::attempt_record;
using holdfast::error;
using holdfast::stage;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

po::options_description explain_arguments() {
  po::options_description out(
      "usage: holdfast explain [OPTION]...\n"
      "Prints what a retry policy does after each kind of failure. With --http-status, --close-code or "
      "--stage: the waits if\n"
      "that failure repeats",
      100);
  // clang-format off
  out.add_options()
      ("http-status", po::value<unsigned>()->value_name("STATUS"), "the upgrade is answered with this status")
      ("close-code", po::value<unsigned>()->value_name("CODE"), "the server closes the session with this code")
      ("stage", po::value<std::string>()->value_name("STAGE"), "the attempt fails here: provider, resolve, connect, proxy, tls, upgrade or session")
      ("lasted", po::value<std::string>()->value_name("DURATION"), "how long the session lasted, such as 1h")
      ("retry-after", po::value<std::string>()->value_name("DURATION"), "the server asks not to be dialled for so long")
      ("count", po::value<unsigned>()->default_value(8)->value_name("N"), "print the waits after so many failures in a row")
      ("json", "print a JSON object for each wait")
      ("option,o", po::value<strings>()->value_name("FIELD=VALUE"), "a number of the policy, such as retry.cap=10s; -o help lists them")
      ("help,h", "print this");
  // clang-format on
  return out;
}

struct example {
  std::string_view title;
  attempt_record failure;
};

attempt_record failed_at(stage at, holdfast::error_code why, unsigned status = 0) {
  return {.reason = {.error = why, .at = at, .http_status = status}};
}
attempt_record ended(std::chrono::milliseconds after, std::uint16_t close_code) {
  const auto why = close_code == 0 ? error::connection_lost : error::closed_by_peer;
  return {.reason = {.error = why, .at = stage::session, .close_code = close_code}, .session_length = after};
}

std::vector<example> examples(const holdfast::retry_policy& policy) {
  const auto stable = policy.stable_after;
  auto limited = failed_at(stage::upgrade, error::upgrade_refused, 429);
  limited.retry_after = 60s;
  auto refresh = failed_at(stage::upgrade, error::unauthorized, 401);
  refresh.may_refresh = true;
  auto worked_before = failed_at(stage::upgrade, error::upgrade_refused, 404);
  worked_before.had_stable_session = true;
  return {{"no such name", failed_at(stage::resolve, error::host_not_found)},
          {"connection refused, no answer", failed_at(stage::connect, error::timed_out)},
          {"proxy wants credentials", failed_at(stage::proxy, error::proxy_unauthorized, 407)},
          {"certificate expired", failed_at(stage::tls, error::certificate_expired)},
          {"HTTP 401, fixed token", failed_at(stage::upgrade, error::unauthorized, 401)},
          {"HTTP 401, token from a provider", std::move(refresh)},
          {"HTTP 404, never connected before", failed_at(stage::upgrade, error::upgrade_refused, 404)},
          {"HTTP 404, after good sessions", std::move(worked_before)},
          {"HTTP 429, Retry-After: 60", std::move(limited)},
          {"HTTP 503", failed_at(stage::upgrade, error::upgrade_refused, 503)},
          {"session lost, was stable", ended(stable, 0)},
          {"session lost, was short", ended(stable / 2, 0)},
          {"closed 1000, was stable", ended(stable, 1000)},
          {"closed 1008, was stable", ended(stable, 1008)},
          {"closed 1009", ended(stable, 1009)},
          {"closed 1012 (restart), was stable", ended(stable, 1012)},
          {"closed 1013 (overloaded)", ended(stable, 1013)}};
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size() + 1), ' ');
  return out;
}

constexpr std::size_t title_width = 36;
constexpr std::size_t rule_width = 28;

void print_table(const holdfast::retry_policy& policy) {
  print(padded("failure", title_width) + padded("rule", rule_width) + "waits if it repeats");
  for (const auto& each : examples(policy)) {
    constexpr unsigned shown = 3;
    const auto entries = explain(policy, each.failure, shown);
    print(padded(each.title, title_width) + padded(entries.front().rule, rule_width) + waits_text(entries));
  }
}

void print_schedule(const std::vector<holdfast::schedule_entry>& entries, bool json) {
  for (const auto& each : entries) {
    if (!json) {
      print(padded(std::to_string(each.attempt), 4) + padded(wait_text(each), title_width) + each.rule);
      continue;
    }
    boost::json::object line{{"attempt", each.attempt}, {"rule", each.rule}};
    const bool never = each.latest < holdfast::clock::duration{};
    if (!never) {
      line["earliest"] = std::chrono::duration<double>(each.earliest).count();
      line["latest"] = std::chrono::duration<double>(each.latest).count();
    }
    print(boost::json::serialize(line));
  }
}

stage to_stage(const std::string& name) {
  constexpr std::array all = {stage::provider, stage::resolve, stage::connect, stage::proxy,
                              stage::tls,      stage::upgrade, stage::session};
  for (const auto each : all) {
    if (to_string(each) == name) return each;
  }
  throw usage_error("--stage must be provider, resolve, connect, proxy, tls, upgrade or session");
}

holdfast::error_code usual_error(stage at, unsigned status) {
  if (status == 401 || status == 403) return error::unauthorized;
  if (status != 0) return error::upgrade_refused;
  switch (at) {
    case stage::provider:
      return error::provider_failed;
    case stage::resolve:
      return error::host_not_found;
    case stage::proxy:
      return error::proxy_refused;
    case stage::tls:
      return error::certificate_invalid;
    case stage::upgrade:
    case stage::session:
      return error::connection_lost;
    default:
      return error::timed_out;
  }
}

attempt_record to_failure(const po::variables_map& given) {
  const auto status = get(given, "http-status", 0U);
  const auto code = get(given, "close-code", 0U);
  constexpr unsigned first_status = 100, last_status = 599, first_code = 1000, last_code = 4999;
  if (status != 0 && (status < first_status || status > last_status))
    throw usage_error("--http-status must be a number from 100 to 599");
  if (code != 0 && (code < first_code || code > last_code))
    throw usage_error("--close-code must be a number from 1000 to 4999");
  if (status != 0 && code != 0) throw usage_error("--http-status and --close-code exclude each other");
  const bool is_session = code != 0 || given.count("lasted") != 0;
  auto at = is_session ? stage::session : status != 0 ? stage::upgrade : stage::connect;
  if (given.count("stage") != 0) at = to_stage(given["stage"].as<std::string>());
  auto out = failed_at(at, code != 0 ? holdfast::error_code(error::closed_by_peer) : usual_error(at, status),
                       status);
  out.reason.close_code = static_cast<std::uint16_t>(code);
  if (at == stage::session)
    out.session_length =
        given.count("lasted") != 0 ? read_duration("--lasted", given["lasted"].as<std::string>()) : 1h;
  if (given.count("retry-after") != 0)
    out.retry_after = read_duration("--retry-after", given["retry-after"].as<std::string>());
  return out;
}

}  // namespace

int explain(arguments words) {
  const auto [given, is_answered] = parse(words, explain_arguments(), nullptr);
  if (is_answered) return ended_well;
  holdfast::options options{.url = "ws://localhost/"};
  for (const auto& each : get(given, "option", strings{})) set_field(options, each);
  validate(options);
  const bool is_one = given.count("http-status") + given.count("close-code") + given.count("stage") +
                          given.count("lasted") + given.count("retry-after") !=
                      0;
  if (!is_one && given.count("json") == 0) {
    print_table(options.retry);
    print("");
    print("A server that refuses connections, attempt by attempt:");
  }
  print_schedule(explain(options.retry, to_failure(given), given["count"].as<unsigned>()),
                 given.count("json") != 0);
  return ended_well;
}

}  // namespace tool
