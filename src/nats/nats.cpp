// The coordinator on NATS: entries are the subjects of a key-value bucket (ADR-8), events a stream with
// de-duplication. What libnats offers for buckets blocks a thread for each call, and thousands of renewals a
// second are under way together; so these are requests of the same protocol, as JetStream documents it.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.fleet_core;

import :entry_names;
import :nats;
import :nats_link;
import :nats_watch;

namespace holdfast::fleet {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t wrong_last_sequence = 10071;  // error codes of JetStream
constexpr std::int64_t stream_not_found = 10059;
constexpr std::int64_t not_enabled = 10076;
constexpr std::int64_t not_enabled_for_account = 10039;
constexpr std::size_t room_for_headers = 1024;      // besides the first line
constexpr std::size_t room_for_escapes = 3 * 1024;  // in the first line of a lease

// One request that waits for its answer, on a thread of libnats, or for the end of its time.
class pending_answer : public std::enable_shared_from_this<pending_answer> {
 public:
  using done_handler = net::any_completion_handler<void(std::optional<nats_message>)>;

  pending_answer(const net::any_io_executor& where, clock::duration patience)
      : strand_(net::make_strand(where)), timer_(strand_), until_(clock::now() + patience) {}

  void start(done_handler handler) {
    if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([weak = weak_from_this()](net::cancellation_type) {
        if (const auto alive = weak.lock()) alive->settle(std::nullopt);
      });
    }
    {
      const std::lock_guard lock(mutex_);
      handler_ = std::move(handler);
    }
    net::post(strand_, [self = shared_from_this()] {
      self->timer_.async_wait_until(self->until_, [self](error_code ec) {
        if (!ec) self->settle(std::nullopt);
      });
    });
  }
  // The request has left under this number; empty: it has not. An answer may have come before.
  void has_left(std::optional<std::uint64_t> number) {
    const std::lock_guard lock(mutex_);
    request_ = number;
  }
  [[nodiscard]] std::optional<std::uint64_t> request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }
  void settle(std::optional<nats_message> with) {
    done_handler handler;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(settled_, true)) return;
      handler = std::move(handler_);
    }
    net::post(strand_,
              [self = shared_from_this(), handler = std::move(handler), with = std::move(with)]() mutable {
                self->timer_.cancel();
                const auto where = net::get_associated_executor(handler, net::any_io_executor(self->strand_));
                net::dispatch(where, net::append(std::move(handler), std::move(with)));
              });
  }

 private:
  const net::any_io_executor strand_;
  timer timer_;
  const clock::time_point until_;
  std::mutex mutex_;
  done_handler handler_;
  std::optional<std::uint64_t> request_{};
  bool settled_ = false;
};

std::int64_t error_code_in(const json::object& answer) {
  const auto* found = answer.if_contains("error");
  const auto* error = found != nullptr ? found->if_object() : nullptr;
  if (error == nullptr) return 0;
  const auto* code = error->if_contains("err_code");
  boost::system::error_code failed;
  const auto read = code != nullptr ? code->to_number<std::int64_t>(failed) : -1;
  return failed || read == 0 ? -1 : read;
}

std::string error_text_in(const json::object& answer) {
  const auto* error = answer.if_contains("error");
  const auto* text =
      error != nullptr && error->is_object() ? error->get_object().if_contains("description") : nullptr;
  return text != nullptr && text->is_string() ? std::string(text->get_string())
                                              : std::string("no reason given");
}

std::optional<json::object> read_object(std::string_view text) {
  boost::system::error_code failed;
  auto read = json::parse(text, failed);
  if (failed || !read.is_object()) return std::nullopt;
  return std::move(read.get_object());
}

class nats_coordinator final : public coordinator, public std::enable_shared_from_this<nats_coordinator> {
 public:
  explicit nats_coordinator(nats_options how)
      : how_(std::move(how)),
        bucket_{.stream = "KV_holdfast_" + how_.fleet, .subjects = "$KV.holdfast_" + how_.fleet + '.'},
        events_stream_("holdfast_" + how_.fleet + "_events"),
        own_subjects_("holdfast." + how_.fleet + '.'),
        link_(nats_link::open(how_)) {}

  net::awaitable<result<std::uint64_t>> update(std::string name, std::string value,
                                               std::uint64_t expected) override {
    const auto alive = shared_from_this();
    const auto end = std::min(value.find('\n'), value.size());
    auto line = to_header(std::string_view(value).substr(0, end));
    value.erase(0, end);
    const bool fits = line.size() <= longest_line &&
                      line.size() + value.size() + room_for_headers <= link_->largest_message();
    if (!fits) co_return make_error_code(error::too_large);
    if (const auto failed = co_await prepare(); failed) co_return failed;
    const nats_link::headers with{{"Nats-Expected-Last-Subject-Sequence", std::to_string(expected)},
                                  {std::string(first_line_header), std::move(line)}};
    co_return stored(co_await ask(bucket_.subjects + name, std::move(value), with, how_.call_timeout));
  }

  net::awaitable<result<std::optional<entry>>> get(std::string name) override {
    const auto alive = shared_from_this();
    if (const auto failed = co_await prepare(); failed) co_return failed;
    auto answer = co_await ask("$JS.API.DIRECT.GET." + bucket_.stream + '.' + bucket_.subjects + name, {}, {},
                               how_.call_timeout);
    if (!answer) co_return make_error_code(error::unavailable);  // reading has done nothing
    if (answer->status == 404) co_return std::optional<entry>();
    if (answer->status != 0 || answer->sequence == 0) co_return make_error_code(error::unavailable);
    const auto line = from_header(answer->first_line);
    if (!line) note(log_level::warning, "the entry " + name + " was not written by holdfast");
    auto value = line ? *line + answer->payload : std::string();
    co_return std::optional<entry>(entry{std::move(name), std::move(value), answer->sequence});
  }

  std::unique_ptr<registration> watch(std::string prefix, watcher on, net::any_io_executor where) override {
    return watch_bucket(link_, bucket_, std::move(prefix), std::move(on), std::move(where));
  }

  net::awaitable<result<std::uint64_t>> publish(std::string subject, std::string payload,
                                                std::string id) override {
    const auto alive = shared_from_this();
    if (payload.size() > largest_value()) co_return make_error_code(error::too_large);
    if (const auto failed = co_await prepare(); failed) co_return failed;
    nats_link::headers with;
    if (!id.empty()) with.emplace_back("Nats-Msg-Id", std::move(id));
    co_return stored(co_await ask(own_subjects_ + subject, std::move(payload), with, how_.call_timeout));
  }

  net::awaitable<result<std::string>> request(std::string name, std::string payload,
                                              clock::duration patience) override {
    const auto alive = shared_from_this();
    if (payload.size() > largest_value()) co_return make_error_code(error::too_large);
    auto answer = co_await ask(own_subjects_ + name, std::move(payload), {}, patience);
    if (!answer) co_return answer.error();
    if (answer->status == 503) co_return make_error_code(error::no_responder);
    co_return std::move(answer->payload);
  }

  std::unique_ptr<registration> serve(std::string name, request_handler handler,
                                      net::any_io_executor where) override {
    const auto strand = net::any_io_executor(net::make_strand(where));
    const auto shared = std::make_shared<request_handler>(std::move(handler));
    return link_->subscribe(
        own_subjects_ + name, [strand, shared, link = std::weak_ptr(link_)](nats_message message) {
          net::post(strand, [shared, link, message = std::move(message)]() mutable {
            (*shared)(std::move(message.payload),
                      [link, to = std::move(message.reply_to)](const std::string& answer) {
                        if (const auto open = link.lock(); open && !to.empty()) open->publish(to, answer);
                      });
          });
        });
  }

  [[nodiscard]] std::size_t largest_value() const noexcept override {
    const auto most = link_->largest_message();
    return most - std::min(most, room_for_headers + room_for_escapes);
  }

 private:
  // unavailable: there is no connection, and nothing was sent; outcome_unknown: there was no answer.
  net::awaitable<result<nats_message>> ask(std::string subject, std::string payload, nats_link::headers with,
                                           clock::duration patience) {
    const auto waits = std::make_shared<pending_answer>(co_await net::this_coro::executor, patience);
    // The link holds no share: with the coroutine, which may be destroyed with its context, the request is
    // forgotten.
    const auto begin = [&](auto handler) {
      // After an answer the coroutine may be gone.
      const auto mine = waits;  // NOLINT(performance-unnecessary-copy-initialization)
      mine->start(std::move(handler));
      const auto sent =
          link_->request(subject, payload, with, [weak = std::weak_ptr(waits)](nats_message answer) {
            if (const auto alive = weak.lock()) alive->settle(std::move(answer));
          });
      mine->has_left(sent);
      if (!sent) mine->settle(std::nullopt);
    };
    auto answer =
        co_await net::async_initiate<const net::use_awaitable_t<>&, void(std::optional<nats_message>)>(
            begin, net::use_awaitable);
    if (answer) co_return std::move(*answer);
    const auto sent = waits->request();
    if (!sent) co_return make_error_code(link_->was_refused() ? error::refused : error::unavailable);
    link_->forget(*sent);
    co_return make_error_code(error::outcome_unknown);
  }

  // What the answer to a publication says: its revision, or why it was not stored.
  [[nodiscard]] result<std::uint64_t> stored(const result<nats_message>& answer) const {
    if (!answer) return answer.error();
    if (answer->status == 503) return make_error_code(error::unavailable);  // the stream has no leader now
    const auto read = read_object(answer->payload);
    if (!read) return make_error_code(error::outcome_unknown);
    if (const auto code = error_code_in(*read); code == wrong_last_sequence)
      return make_error_code(error::stale);
    if (read->contains("error")) {
      note(log_level::warning, "the broker does not store it: " + error_text_in(*read));
      return make_error_code(error::unavailable);
    }
    const auto* sequence = read->if_contains("seq");
    boost::system::error_code failed;
    const auto revision = sequence != nullptr ? sequence->to_number<std::uint64_t>(failed) : 0;
    if (failed || revision == 0) return make_error_code(error::outcome_unknown);
    return revision;
  }

  // The bucket and the stream of events exist, with settings that lose nothing.
  net::awaitable<error_code> prepare() {
    if (is_prepared_) co_return error_code();
    const json::object bucket{
        {"name", bucket_.stream},        {"subjects", json::array{bucket_.subjects + '>'}},
        {"max_msgs_per_subject", 1},     {"storage", "file"},
        {"num_replicas", how_.replicas}, {"discard", "new"},
        {"allow_rollup_hdrs", true},     {"deny_delete", true},
        {"allow_direct", true}};
    auto failed = co_await prepare_stream(bucket);
    if (failed || how_.replicas == 0) {  // who makes nothing needs no stream of events either
      if (!failed) is_prepared_ = true;
      co_return failed;
    }
    const json::object events{
        {"name", events_stream_},
        {"subjects", json::array{own_subjects_ + "events.>"}},
        {"storage", "file"},
        {"num_replicas", how_.replicas},
        {"max_age", std::chrono::nanoseconds(how_.keep_events).count()},
        {"duplicate_window",
         std::chrono::nanoseconds(std::min<std::chrono::seconds>(how_.keep_events, std::chrono::minutes(10)))
             .count()}};
    failed = co_await prepare_stream(events);
    if (!failed) is_prepared_ = true;
    co_return failed;
  }

  net::awaitable<error_code> prepare_stream(json::object wanted) {
    const std::string name(wanted.at("name").as_string());
    for (const bool makes : {false, true}) {
      auto subject = "$JS.API.STREAM." + std::string(makes ? "CREATE." : "INFO.") + name;
      auto wish = makes ? json::serialize(wanted) : std::string();
      const auto answer = co_await ask(std::move(subject), std::move(wish), {}, how_.call_timeout);
      if (!answer) co_return make_error_code(link_->was_refused() ? error::refused : error::unavailable);
      const auto read = answer->status == 503 ? std::nullopt : read_object(answer->payload);
      if (answer->status == 503) co_return make_error_code(error::no_jetstream);
      if (!read) co_return make_error_code(error::unavailable);
      const auto code = error_code_in(*read);
      if (code == not_enabled || code == not_enabled_for_account)
        co_return make_error_code(error::no_jetstream);
      if (code == stream_not_found && how_.replicas == 0) {
        note(log_level::error, "there is no fleet " + how_.fleet + " at the broker");
        co_return make_error_code(error::other_settings);
      }
      if (code == stream_not_found && !makes) continue;
      if (code != 0) {
        note(log_level::warning, "stream " + name + ": " + error_text_in(*read));
        co_return make_error_code(error::unavailable);
      }
      co_return check_stream(name, *read);
    }
    co_return make_error_code(error::unavailable);
  }

  // A bucket of other settings would forget leases by itself.
  [[nodiscard]] error_code check_stream(const std::string& name, const json::object& answer) const {
    if (name != bucket_.stream) return {};
    const auto* found = answer.if_contains("config");
    const auto* config = found != nullptr ? found->if_object() : nullptr;
    if (config == nullptr) return make_error_code(error::unavailable);
    const auto is = [&](std::string_view field, const json::value& value) {
      const auto* at = config->if_contains(field);
      return at != nullptr && *at == value;
    };
    std::string problem;
    if (!is("max_age", 0)) problem = "its entries have a time to live";
    if (!is("storage", "file")) problem = "it is kept in memory";
    if (!is("max_msgs_per_subject", 1)) problem = "it keeps a history, which a fleet does not need";
    if (!is("allow_direct", true)) problem = "it does not allow direct reads";
    if (!is("discard", "new")) problem = "it discards old entries when it is full";
    const auto* replicas = config->if_contains("num_replicas");
    boost::system::error_code failed;
    if (replicas == nullptr || replicas->to_number<int>(failed) < how_.replicas)
      problem = "it has fewer replicas than nats_options.replicas wants";
    if (problem.empty()) return {};
    note(log_level::error, "the bucket holdfast_" + how_.fleet + " has other settings: " + problem);
    return make_error_code(error::other_settings);
  }

  void note(log_level level, const std::string& line) const {
    if (how_.log) how_.log(level, "nats: " + line);
  }

  const nats_options how_;
  const nats_bucket bucket_;
  const std::string events_stream_;
  const std::string own_subjects_;
  const std::shared_ptr<nats_link> link_;  // shared with watches
  std::atomic<bool> is_prepared_{false};
};

void check(const nats_options& how) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (how.fleet.empty() || how.fleet.size() > 64 || !std::ranges::all_of(how.fleet, is_plain))
    throw option_error("nats_options.fleet", "must be 1 to 64 letters, digits, '-' or '_'");
  for (const auto& each : how.servers) {
    const bool is_url = each.starts_with("nats://") || each.starts_with("tls://");
    if (!is_url || each.size() < 8)
      throw option_error("nats_options.servers", "must be URLs that begin with nats:// or tls://");
  }
  if (how.replicas < 0 || how.replicas > 5)
    throw option_error("nats_options.replicas", "must be from 0 to 5");
  if (how.call_timeout < 10ms || how.call_timeout > 1min)
    throw option_error("nats_options.call_timeout", "must be from 10 ms to a minute");
  if (how.keep_events < 1s) throw option_error("nats_options.keep_events", "must be at least 1 s");
  if (how.certificate_file.empty() != how.key_file.empty())
    throw option_error("nats_options.key_file", "must be given with certificate_file, and only then");
}

}  // namespace

std::shared_ptr<coordinator> nats(nats_options how) {
  if (how.servers.empty()) how.servers = {"nats://127.0.0.1:4222"};
  check(how);
  return std::make_shared<nats_coordinator>(std::move(how));
}

}  // namespace holdfast::fleet
