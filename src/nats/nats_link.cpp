// The connection to NATS, by libnats. All requests share one subscription for their answers, as in each NATS
// client; libnats itself has that only for requests that block a thread.
module;
#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.fleet_core;

import :nats_link;

namespace holdfast::fleet {
namespace {

constexpr int ping_interval_ms = 2'000;  // a frozen server is left after three of them
constexpr int most_pings_out = 2;
constexpr int reconnect_wait_ms = 250;
constexpr std::size_t usual_largest_message = 1 << 20U;

struct free_nats {
  void operator()(natsOptions* it) const { natsOptions_Destroy(it); }
  void operator()(natsConnection* it) const { natsConnection_Destroy(it); }
  void operator()(natsSubscription* it) const { natsSubscription_Destroy(it); }
  void operator()(natsMsg* it) const { natsMsg_Destroy(it); }
};
template <class Type>
using held = std::unique_ptr<Type, free_nats>;

// A setting that libnats does not take is a wrong option.
void must(natsStatus how, const char* field) {
  if (how != NATS_OK)
    throw std::runtime_error(std::string("nats_options.") + field + ": " + natsStatus_GetText(how));
}

std::string_view text_in(natsMsg* from, const char* header) {
  const char* text = nullptr;
  const bool found = natsMsgHeader_Get(from, header, &text) == NATS_OK && text != nullptr;
  return found ? std::string_view(text) : std::string_view();
}

std::uint64_t number_in(natsMsg* from, const char* header) {
  const auto read = text_in(from, header);
  std::uint64_t out = 0;
  std::from_chars(read.data(), read.data() + read.size(), out);
  return out;
}

nats_message taken_from(natsMsg* from) {
  nats_message out{
      .subject = natsMsg_GetSubject(from),
      .payload = std::string(natsMsg_GetData(from), static_cast<std::size_t>(natsMsg_GetDataLength(from))),
      .status = static_cast<int>(number_in(from, "Status")),
      .first_line = std::string(text_in(from, first_line_header.data())),
      .sequence = number_in(from, "Nats-Sequence"),
      .last_delivered = number_in(from, "Nats-Last-Consumer")};
  if (const char* reply = natsMsg_GetReply(from); reply != nullptr) out.reply_to = reply;
  return out;
}

// What callbacks need. Threads of libnats may be inside of one when the link is gone: each callback has a
// share.
struct shared_state {
  explicit shared_state(const nats_options& how) : log(how.log) {}

  void note(log_level level, const std::string& line) const {
    if (log) log(level, "nats: " + line);
  }
  // Takes out who waits for the answer to a request; empty: nobody does.
  nats_link::handler take(std::uint64_t request) {
    const std::lock_guard lock(mutex);
    const auto found = waiting.find(request);
    if (found == waiting.end()) return {};
    auto out = std::move(found->second);
    waiting.erase(found);
    return out;
  }

  const std::function<void(log_level, std::string_view)> log;
  std::atomic<bool> is_closing{false};
  std::atomic<bool> refused{false};
  std::mutex mutex;
  std::map<std::uint64_t, nats_link::handler> waiting;  // by the last token of the subject of the answer
};
using share = std::shared_ptr<shared_state>;

shared_state& state_of(void* closure) { return **static_cast<share*>(closure); }
void give_back(void* closure) { delete static_cast<share*>(closure); }

class link final : public nats_link, public std::enable_shared_from_this<link> {
 public:
  explicit link(const nats_options& how) : state_(std::make_shared<shared_state>(how)) {
    natsOptions* made = nullptr;
    must(natsOptions_Create(&made), "servers");
    const held<natsOptions> options(made);
    auto for_events = std::make_unique<share>(state_);
    apply(how, options.get(), for_events.get());
    natsConnection* connection = nullptr;
    const auto begun = natsConnection_Connect(&connection, options.get());
    if (begun != NATS_OK && begun != NATS_NOT_YET_CONNECTED) must(begun, "servers");
    connection_.reset(connection);
    [[maybe_unused]] const auto* given = for_events.release();  // on_closed() gives it back
    inbox_ = new_inbox() + '.';
    auto theirs = std::make_unique<share>(state_);
    natsSubscription* answers = nullptr;
    must(natsConnection_Subscribe(&answers, connection, (inbox_ + '*').c_str(), &link::on_answer,
                                  theirs.get()),
         "servers");
    answers_.reset(answers);
    natsSubscription_SetOnCompleteCB(answers, &give_back, theirs.release());
  }
  ~link() override {
    state_->is_closing = true;
    natsSubscription_Unsubscribe(answers_.get());
    natsConnection_Close(connection_.get());
  }

  std::optional<std::uint64_t> request(const std::string& subject, std::string_view payload,
                                       const headers& with, handler answer) override {
    if (!is_connected()) return std::nullopt;
    const auto number = ++last_request_;
    {
      const std::lock_guard lock(state_->mutex);
      state_->waiting.emplace(number, std::move(answer));
    }
    natsMsg* made = nullptr;
    const auto reply = inbox_ + std::to_string(number);
    auto how = natsMsg_Create(&made, subject.c_str(), reply.c_str(), payload.data(),
                              static_cast<int>(payload.size()));
    const held<natsMsg> message(made);
    for (const auto& [name, value] : with) {
      if (how == NATS_OK) how = natsMsgHeader_Set(made, name.c_str(), value.c_str());
    }
    if (how == NATS_OK) how = natsConnection_PublishMsg(connection_.get(), made);
    if (how == NATS_OK) return number;
    forget(number);
    return std::nullopt;
  }
  void forget(std::uint64_t request) override { [[maybe_unused]] const auto dropped = state_->take(request); }

  std::unique_ptr<registration> subscribe(const std::string& subject, handler each) override {
    return std::make_unique<subscription>(shared_from_this(), subject, std::move(each));
  }
  void publish(const std::string& subject, std::string_view payload) override {
    natsConnection_Publish(connection_.get(), subject.c_str(), payload.data(),
                           static_cast<int>(payload.size()));
  }
  std::string new_inbox() override {
    natsInbox* made = nullptr;
    must(natsInbox_Create(&made), "servers");
    std::string out(made);
    natsInbox_Destroy(made);
    return out;
  }
  [[nodiscard]] bool is_connected() const override {
    return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
  }
  [[nodiscard]] bool was_refused() const override { return state_->refused; }
  [[nodiscard]] std::size_t largest_message() const override {
    const auto told = natsConnection_GetMaxPayload(connection_.get());
    return told > 0 ? static_cast<std::size_t>(told) : usual_largest_message;
  }

 private:
  class subscription final : public registration {
   public:
    subscription(std::shared_ptr<link> on, const std::string& subject, handler each) : link_(std::move(on)) {
      auto kept = std::make_unique<handler>(std::move(each));
      natsSubscription* made = nullptr;
      if (natsConnection_Subscribe(&made, link_->connection_.get(), subject.c_str(),
                                   &subscription::on_message, kept.get()) != NATS_OK)
        return;
      subscription_.reset(made);
      natsSubscription_SetPendingLimits(made, -1, -1);  // handlers only hand over: nothing piles up here
      // Called by libnats when no message is under way to the handler any more.
      natsSubscription_SetOnCompleteCB(
          made, [](void* closure) { delete static_cast<handler*>(closure); }, kept.get());
      [[maybe_unused]] const auto* theirs = kept.release();
    }
    subscription(const subscription&) = delete;
    subscription& operator=(const subscription&) = delete;
    ~subscription() override {
      if (subscription_) natsSubscription_Unsubscribe(subscription_.get());
    }

   private:
    static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
      const held<natsMsg> owned(message);
      (*static_cast<handler*>(closure))(taken_from(message));
    }

    const std::shared_ptr<link> link_;
    held<natsSubscription> subscription_;
  };

  static void apply(const nats_options& how, natsOptions* to, share* closure) {
    std::vector<const char*> servers;
    bool any_tls = false;
    for (const auto& each : how.servers) {
      servers.push_back(each.c_str());
      any_tls = any_tls || each.starts_with("tls://");
    }
    must(natsOptions_SetServers(to, servers.data(), static_cast<int>(servers.size())), "servers");
    if (any_tls || !how.ca_file.empty()) must(natsOptions_SetSecure(to, true), "servers");
    if (!how.ca_file.empty()) must(natsOptions_LoadCATrustedCertificates(to, how.ca_file.c_str()), "ca_file");
    if (!how.certificate_file.empty())
      must(natsOptions_LoadCertificatesChain(to, how.certificate_file.c_str(), how.key_file.c_str()),
           "certificate_file");
    if (!how.user.empty()) must(natsOptions_SetUserInfo(to, how.user.c_str(), how.password.c_str()), "user");
    if (!how.token.empty()) must(natsOptions_SetToken(to, how.token.c_str()), "token");
    if (!how.credentials_file.empty())
      must(natsOptions_SetUserCredentialsFromFiles(to, how.credentials_file.c_str(), nullptr),
           "credentials_file");
    must(natsOptions_SetName(to, ("holdfast " + how.fleet).c_str()), "fleet");
    must(natsOptions_SetClosedCB(to, &link::on_closed, closure), "servers");
    must(natsOptions_SetRetryOnFailedConnect(to, true, &link::on_connected, closure), "servers");
    must(natsOptions_SetReconnectedCB(to, &link::on_connected, closure), "servers");
    must(natsOptions_SetDisconnectedCB(to, &link::on_disconnected, closure), "servers");
    must(natsOptions_SetErrorHandler(to, &link::on_error, closure), "servers");
    must(natsOptions_SetMaxReconnect(to, -1), "servers");
    must(natsOptions_SetReconnectWait(to, reconnect_wait_ms), "servers");
    must(natsOptions_SetTimeout(to, how.call_timeout.count()), "call_timeout");
    // What the socket does not take in time ends the connection: the caller's thread must not wait for a
    // broker.
    must(natsOptions_SetWriteDeadline(to, how.call_timeout.count()), "call_timeout");
    must(natsOptions_SetPingInterval(to, ping_interval_ms), "servers");
    must(natsOptions_SetMaxPingsOut(to, most_pings_out), "servers");
  }

  static void on_connected(natsConnection* on, void* closure) {
    auto& state = state_of(closure);
    state.refused = false;
    std::array<char, 256> place{};
    const bool known = natsConnection_GetConnectedUrl(on, place.data(), place.size()) == NATS_OK;
    state.note(log_level::info, std::string("connected to ") + (known ? place.data() : "a server"));
  }
  // The last one: nothing of the connection is called any more. libnats ends by itself when a server refuses
  // the user twice.
  static void on_closed(natsConnection* on, void* closure) {
    const auto& state = state_of(closure);
    const char* text = nullptr;
    if (natsConnection_GetLastError(on, &text) != NATS_OK && state.refused)
      state.note(log_level::error,
                 "the server refuses this user, and the connection has ended: start the program again");
    give_back(closure);
  }
  static void on_disconnected(natsConnection*, void* closure) {
    const auto& state = state_of(closure);
    if (!state.is_closing) state.note(log_level::warning, "the connection is lost");
  }
  static void on_error(natsConnection* on, natsSubscription*, natsStatus what, void* closure) {
    auto& state = state_of(closure);
    const char* text = nullptr;
    natsConnection_GetLastError(on, &text);
    if (what == NATS_NOT_PERMITTED || what == NATS_CONNECTION_AUTH_FAILED) state.refused = true;
    state.note(log_level::warning, text != nullptr && *text != 0 ? text : natsStatus_GetText(what));
  }
  static void on_answer(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    const held<natsMsg> owned(message);
    auto read = taken_from(message);
    const auto token = std::string_view(read.subject).substr(read.subject.rfind('.') + 1);
    std::uint64_t number = 0;
    std::from_chars(token.data(), token.data() + token.size(), number);
    if (const auto answer = state_of(closure).take(number)) answer(std::move(read));
  }

  const share state_;
  std::atomic<std::uint64_t> last_request_{0};
  std::string inbox_;
  held<natsConnection> connection_;
  held<natsSubscription> answers_;
};

}  // namespace

std::shared_ptr<nats_link> nats_link::open(const nats_options& how) { return std::make_shared<link>(how); }

}  // namespace holdfast::fleet
