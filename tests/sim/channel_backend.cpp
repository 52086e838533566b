#include "channel_backend.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <utility>

namespace sim {
namespace {

constexpr int history = 12;            // numbers that the server can send again
constexpr std::size_t most_kept = 60;  // frames for a client that is away; then it is forgotten

}  // namespace

channel_backend::channel_backend(holdfast::testing::world& in, holdfast::peer_address at, journal& log,
                                 dice& draws, double pace)
    : in_(in), log_(log), draws_(draws), pace_(pace), server_(in, at) {
  server_.on_session([this](holdfast::testing::server_session& on) { return serve(on); });
  server_.on_upgrade([this](const holdfast::http_head&) {
    return refuses_ ? std::optional(holdfast::testing::http_answer{.status = 503}) : std::nullopt;
  });
}

net::awaitable<void> channel_backend::serve(holdfast::testing::server_session& on) {
  now_ = &on;
  peer_ = nullptr;
  while (auto next = co_await on.receive()) {
    if (now_ != &on) break;  // the client has moved to another socket
    log_.note("server < ", next->payload);
    take(words_of(next->payload));
  }
  if (now_ != &on) co_return;
  now_ = nullptr;
  peer_ = nullptr;
}

void channel_backend::take(const std::vector<std::string>& words) {
  const auto& what = words.at(0);
  if (what == "hello") return greet(words.at(1), std::stoull(words.at(2)));
  if (what == "call") return answer(words.at(1), std::stoll(words.at(2)));
  if (!peer_) return log_.violated("the client said ", what, " before it was let in");
  if (what == "sub") return subscribe(words.at(1), words.at(2), words.at(3));
  peer_->aliases.erase(words.at(1));
}

void channel_backend::greet(const std::string& token, std::size_t taken) {
  const auto found = kept_.find(token);
  if (found != kept_.end() && draws_.chance(70)) {
    peer_ = found->second;
    peer_->was_resumed = true;
    say("resumed");
    for (auto i = taken; i < peer_->sent.size(); ++i) say(peer_->sent[i]);
    return;
  }
  kept_.erase(token);
  peer_ = std::make_shared<client>();
  const auto name = "t" + std::to_string(++tokens_);
  kept_.emplace(name, peer_);
  say("new " + name);
}

void channel_backend::subscribe(const std::string& id, const std::string& name, const std::string& position) {
  note_request();
  // A farewell may have got lost with the session before.
  if (peer_->aliases.contains(name) && !peer_->was_resumed)
    return log_.violated(name, " is asked for twice in a session");
  if (silent_ || (!behaves_ && draws_.chance(8))) return;
  if (!behaves_ && draws_.chance(8)) {
    const bool for_good = draws_.chance(20);
    if (for_good) ended_.insert(name);
    return say("no " + id + (for_good ? " perm" : " temp"));
  }
  const auto alias = "a" + std::to_string(++peer_->count);
  peer_->aliases[name] = alias;
  const int from = position == "-" ? last_[name] : std::stoi(position);
  const int missed = last_[name] - from;
  if (missed < 0) return log_.violated("the client has a position of the future: ", position);
  const bool recovered = position != "-" && missed <= history;
  const bool tells = position != "-" && (recovered || draws_.chance(50));
  std::string reply = "ok " + id;
  reply.append(" ").append(alias).append(recovered ? " 1 " : " 0 ");
  say(reply += tells && !recovered ? std::to_string(missed) : "-");
  for (int number = recovered ? from + 1 : last_[name] + 1; number <= last_[name]; ++number) {
    auto line = "ev " + alias;
    line.append(" ").append(name).append(" ").append(std::to_string(number));
    say_kept(*peer_, line);
  }
}

void channel_backend::answer(const std::string& id, std::int64_t number) {
  ++received_[number];
  if (silent_ || (!behaves_ && draws_.chance(10))) return;
  say(draws_.chance(10) ? "er " + id : "re " + id + ' ' + std::to_string(number));
}

void channel_backend::note_request() {
  requests_.push_back(clock::now());
  const auto window = std::ranges::count_if(requests_, [](auto at) { return at > clock::now() - 1s; });
  // A burst, and a second of the pace.
  if (static_cast<double>(window) > 2 * pace_ + 2)
    log_.violated(window, " requests for channels in a second");
}

void channel_backend::publish(const std::string& name) {
  const auto number = ++last_[name];
  for (auto each = kept_.begin(); each != kept_.end();) {
    auto& to = *each->second;
    const auto alias = to.aliases.find(name);
    if (alias != to.aliases.end())
      say_kept(to, "ev " + alias->second + ' ' + name + ' ' + std::to_string(number));
    const bool is_away = each->second != peer_;
    each = is_away && to.sent.size() > most_kept ? kept_.erase(each) : std::next(each);
  }
}

void channel_backend::end(const std::string& name, bool will_return) {
  if (!peer_ || !peer_->aliases.contains(name)) return;
  const auto alias = peer_->aliases.at(name);
  peer_->aliases.erase(name);
  if (!will_return) ended_.insert(name);
  say_kept(*peer_, "end " + alias + (will_return ? " again" : " gone"));
}

void channel_backend::forget_sessions() {
  std::erase_if(kept_, [this](const auto& each) { return each.second != peer_; });
}

void channel_backend::drop() {
  if (now_ == nullptr) return;
  log_.note("the server drops the session");
  now_->drop();
}

void channel_backend::behave() {
  refuses_ = silent_ = false;
  behaves_ = true;
}

int channel_backend::last(const std::string& name) const {
  const auto found = last_.find(name);
  return found == last_.end() ? 0 : found->second;
}

int channel_backend::received(std::int64_t number) const {
  const auto found = received_.find(number);
  return found == received_.end() ? 0 : found->second;
}

void channel_backend::say_kept(client& to, std::string text) {
  to.sent.push_back(text);
  if (&to == peer_.get()) say(std::move(text));
}

void channel_backend::say(std::string text) {
  if (now_ == nullptr) return;
  log_.note("server > ", text);
  net::co_spawn(
      in_.executor(),
      [on = now_->shared_from_this(), text = std::move(text)]() -> net::awaitable<void> {
        co_await on->send(text);
      },
      net::detached);
}

}  // namespace sim
