// The server of a world of channels: publishes numbers, keeps the last of each channel, resumes sessions, and
// does what servers do: refuses, says nothing, ends subscriptions.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "channel_words.hpp"
#include "dice.hpp"
#include "journal.hpp"

import holdfast;
import holdfast.testing;

namespace sim {

namespace net = boost::asio;

class channel_backend {
 public:
  channel_backend(holdfast::testing::world& in, holdfast::peer_address at, journal& log, dice& draws,
                  double pace);

  // The number after the last of this channel, to whoever has it.
  void publish(const std::string& name);
  // Ends the subscription to it; the client is to come back, or not.
  void end(const std::string& name, bool will_return);
  void drop();
  // Those of clients that are away.
  void forget_sessions();
  void refuse_upgrades(bool refuses) { refuses_ = refuses; }
  void fall_silent(bool silent) { silent_ = silent; }
  // From now on it answers everything, and well.
  void behave();
  [[nodiscard]] int last(const std::string& name) const;
  // It has refused this channel for good, or ended it.
  [[nodiscard]] bool has_ended(const std::string& name) const { return ended_.contains(name); }
  // How often a call with this number came.
  [[nodiscard]] int received(std::int64_t number) const;

 private:
  using session = std::shared_ptr<holdfast::testing::server_session>;
  // What the server knows of a client, also while it is away.
  struct client {
    std::map<std::string, std::string> aliases{};  // by channel
    std::vector<std::string> sent{};               // what is sent again when it resumes
    int count = 0;                                 // of aliases
    bool was_resumed = false;
  };

  net::awaitable<void> serve(holdfast::testing::server_session& on);
  void take(const std::vector<std::string>& words);
  void greet(const std::string& token, std::size_t taken);
  void subscribe(const std::string& id, const std::string& name, const std::string& position);
  void answer(const std::string& id, std::int64_t number);
  void note_request();
  void say(std::string text);
  void say_kept(client& to, std::string text);

  holdfast::testing::world& in_;
  journal& log_;
  dice& draws_;
  const double pace_;
  holdfast::testing::server server_;
  std::map<std::string, int> last_;                      // by channel
  std::map<std::string, std::shared_ptr<client>> kept_;  // by token
  std::map<std::int64_t, int> received_;
  std::set<std::string, std::less<>> ended_;
  std::vector<holdfast::clock::time_point> requests_;
  holdfast::testing::server_session* now_ = nullptr;
  std::shared_ptr<client> peer_;  // of the present session, once it has said hello
  int tokens_ = 0;
  bool refuses_ = false;
  bool silent_ = false;
  bool behaves_ = false;
};

}  // namespace sim
