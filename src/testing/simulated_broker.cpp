// The broker of a world: `memory` is what it stores, a `view` is the way of one process to it.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.fleet;
import :simulated_broker;

namespace holdfast::testing {

using fleet::entry;
using namespace std::chrono_literals;

// Between one process and the broker, both ways.
struct broker_way {
  bool is_cut = false;
  int held = 0;  // how often it is held up
  std::vector<std::function<void()>> waiting{};

  void pass(std::function<void()> work) { held != 0 ? waiting.push_back(std::move(work)) : work(); }
  void let_through() {
    held = std::max(0, held - 1);
    if (held != 0) return;
    for (const auto& work : std::exchange(waiting, {})) work();
  }
};

// As a watch gives it.
entry first_line_of(const entry& whole) {
  return {whole.name, whole.value.substr(0, whole.value.find('\n')), whole.revision};
}

// One call of watch(). Entries arrive in their order.
struct broker_watch {
  std::string prefix;
  fleet::watcher on;
  net::any_io_executor where;
  std::uint64_t given = 0;      // revision
  clock::time_point arrives{};  // the last that is under way
  bool missed = false;          // something could not be given
  bool is_over = false;
};

class simulated_broker::memory : public std::enable_shared_from_this<memory> {
 public:
  using watching = std::pair<std::shared_ptr<broker_way>, std::shared_ptr<broker_watch>>;

  memory(world& in, const broker_conditions& how) : world_(in), how_(how) {}

  struct versions {
    entry newest{};
    std::optional<entry> before{};
  };

  result<std::uint64_t> put(const std::string& name, std::string value, std::uint64_t expected) {
    auto found = entries.find(name);
    const auto present = found != entries.end() ? found->second.newest.revision : 0;
    if (value.size() > how_.largest_value) return fleet::make_error_code(fleet::error::too_large);
    if (present != expected) return fleet::make_error_code(fleet::error::stale);
    auto& at = entries[name];
    if (present != 0) at.before = at.newest;
    at.newest = {name, std::move(value), ++revision};
    ++updates;
    if (on_change) on_change(at.newest);
    for (const auto& each : watches) tell_later(each, at.newest);
    return at.newest.revision;
  }
  std::optional<entry> get(const std::string& name) {
    const auto found = entries.find(name);
    if (found == entries.end()) return std::nullopt;
    return happens(how_.stale) && found->second.before ? found->second.before : found->second.newest;
  }
  result<std::uint64_t> publish(std::string subject, std::string payload, std::string id) {
    if (!id.empty() && !ids.insert(id).second) return events.size();
    events.push_back({std::move(subject), std::move(payload), std::move(id)});
    return events.size();
  }

  bool happens(double chance) { return chance > 0 && std::bernoulli_distribution(chance)(world_.random()); }
  clock::duration takes() {
    const auto longest = happens(how_.slow) ? clock::duration(6s) : 2 * how_.latency;
    return clock::duration(std::uniform_int_distribution<clock::rep>(0, longest.count())(world_.random()));
  }
  // At the broker, or on the way there and back: by the clock of the world.
  void later(clock::time_point when, std::function<void()> work) {
    world_.time().schedule(when, world_.executor(), [work = std::move(work)](error_code failed) {
      if (!failed) work();
    });
  }
  void later(clock::duration span, std::function<void()> work) {
    later(world_.now() + span, std::move(work));
  }

  void tell_later(const watching& to, const entry& news) {
    const auto way = to.first;
    const auto watch = to.second;
    if (watch->is_over || !news.name.starts_with(watch->prefix)) return;
    if (way->is_cut || is_stopped) {
      watch->missed = true;
      return;
    }
    watch->arrives = std::max(watch->arrives, world_.now() + takes());
    later(watch->arrives, [watch, way, news] {
      if (way->is_cut) {
        watch->missed = true;
        return;
      }
      give({way, watch}, [watch, news = first_line_of(news)] {
        watch->given = std::max(watch->given, news.revision);
        watch->on.on_entry(news);
      });
    });
  }
  static void give(const watching& to, std::function<void()> work) {
    to.first->pass([watch = to.second, work = std::move(work)] {
      net::post(watch->where, [watch, work] {
        if (!watch->is_over) work();
      });
    });
  }
  // All that there is, or that was missed.
  void begin(const watching& to) {
    const auto watch = to.second;
    if (to.first->is_cut || is_stopped) {
      watch->missed = true;
      return;
    }
    std::vector<entry> found;
    for (const auto& [name, each] : entries) {
      if (name.starts_with(watch->prefix)) found.push_back(first_line_of(each.newest));
    }
    watch->arrives = std::max(watch->arrives, world_.now() + takes());
    later(watch->arrives, [to, watch, found = std::move(found)] {
      give(to, [watch, found] {
        for (const auto& each : found) watch->on.on_entry(each);
        if (watch->on.on_caught_up) watch->on.on_caught_up();
      });
    });
  }
  // A way is open again.
  void make_up_for(const broker_way* way) {
    for (const auto& each : watches) {
      if ((way != nullptr && each.first.get() != way) || each.first->is_cut || is_stopped) continue;
      if (!std::exchange(each.second->missed, false)) continue;
      give(each, [watch = each.second] {
        if (watch->on.on_lost) watch->on.on_lost(fleet::make_error_code(fleet::error::unavailable));
      });
      begin(each);
    }
  }

  std::map<std::string, versions> entries;
  std::vector<watching> watches;
  struct service {
    std::shared_ptr<broker_way> way;
    std::shared_ptr<fleet::request_handler> handler;
    net::any_io_executor where;
  };
  std::map<std::string, service> services;
  std::set<std::string> ids;
  std::vector<published_event> events;
  std::function<void(const entry&)> on_change;
  std::uint64_t revision = 0;
  std::uint64_t updates = 0;
  bool is_stopped = false;

 private:
  world& world_;
  const broker_conditions& how_;
};

class simulated_broker::view final : public fleet::coordinator, public std::enable_shared_from_this<view> {
 public:
  view(std::shared_ptr<memory> of, const broker_conditions& how) : memory_(std::move(of)), how_(how) {}

  net::awaitable<result<std::uint64_t>> update(std::string name, std::string value,
                                               std::uint64_t expected) override {
    return call<std::uint64_t>([memory = memory_, name = std::move(name), value = std::move(value),
                                expected] { return memory->put(name, value, expected); },
                               fleet::error::outcome_unknown);
  }
  net::awaitable<result<std::optional<entry>>> get(std::string name) override {
    return call<std::optional<entry>>(
        [memory = memory_, name = std::move(name)] {
          return result<std::optional<entry>>(memory->get(name));
        },
        fleet::error::unavailable);
  }
  net::awaitable<result<std::uint64_t>> publish(std::string subject, std::string payload,
                                                std::string id) override {
    return call<std::uint64_t>([memory = memory_, subject = std::move(subject), payload = std::move(payload),
                                id = std::move(id)] { return memory->publish(subject, payload, id); },
                               fleet::error::outcome_unknown);
  }

  std::unique_ptr<fleet::registration> watch(std::string prefix, fleet::watcher on,
                                             net::any_io_executor where) override {
    const auto made = std::make_shared<broker_watch>(std::move(prefix), std::move(on), std::move(where));
    memory_->watches.emplace_back(way, made);
    way->pass([memory = memory_, way = way, made] { memory->begin({way, made}); });
    return std::make_unique<ends>([memory = memory_, made] {
      made->is_over = true;
      std::erase_if(memory->watches, [&](const auto& each) { return each.second == made; });
    });
  }

  net::awaitable<result<std::string>> request(std::string name, std::string payload,
                                              clock::duration patience) override {
    const auto waits = std::make_shared<waiting<std::string>>(co_await net::this_coro::executor);
    send([self = shared_from_this(), waits, name, payload] {
      if (self->way->is_cut) return;
      const auto found = self->memory_->services.find(name);
      if (found == self->memory_->services.end())
        return self->answer(waits, fleet::make_error_code(fleet::error::no_responder));
      if (found->second.way->is_cut) return;
      found->second.way->pass([self, waits, to = found->second, payload] {
        net::post(to.where, [self, waits, handler = to.handler, payload] {
          (*handler)(payload, [self, waits](const std::string& text) { self->answer(waits, text); });
        });
      });
    });
    co_await waits->done.async_wait_until(clock::now() + patience, net::as_tuple(net::deferred));
    if (waits->answer) co_return std::move(*waits->answer);
    co_return fleet::make_error_code(fleet::error::outcome_unknown);
  }
  std::unique_ptr<fleet::registration> serve(std::string name, fleet::request_handler handler,
                                             net::any_io_executor where) override {
    memory_->services[name] = {way, std::make_shared<fleet::request_handler>(std::move(handler)),
                               std::move(where)};
    return std::make_unique<ends>(
        [memory = memory_, name = std::move(name)] { memory->services.erase(name); });
  }
  [[nodiscard]] std::size_t largest_value() const noexcept override { return how_.largest_value; }

  const std::shared_ptr<broker_way> way = std::make_shared<broker_way>();  // shared with what is under way

 private:
  class ends final : public fleet::registration {
   public:
    explicit ends(std::function<void()> by) : by_(std::move(by)) {}
    ends(const ends&) = delete;
    ends& operator=(const ends&) = delete;
    ~ends() override { by_(); }

   private:
    std::function<void()> by_;
  };
  template <class Value>
  struct waiting {
    explicit waiting(const net::any_io_executor& on) : where(on), done(on) {}
    const net::any_io_executor where;
    timer done;
    std::optional<result<Value>> answer{};
  };

  // `work` is done at the broker.
  void send(std::function<void()> work) {
    if (way->is_cut || memory_->is_stopped) return;
    memory_->later(memory_->takes(), [memory = memory_, way = way, work = std::move(work)] {
      way->pass([memory, work] {
        if (!memory->is_stopped) work();
      });
    });
  }
  template <class Value>
  void answer(const std::shared_ptr<waiting<Value>>& to, std::type_identity_t<result<Value>> with) {
    if (memory_->happens(how_.lost)) return;
    memory_->later(memory_->takes(), [self = shared_from_this(), to, with = std::move(with)] {
      if (self->way->is_cut) return;
      self->way->pass([to, with] {
        net::post(to->where, [to, with] {
          to->answer = with;
          to->done.cancel();
        });
      });
    });
  }

  template <class Value>
  net::awaitable<result<Value>> call(std::function<result<Value>()> work, fleet::error silence) {
    const auto waits = std::make_shared<waiting<Value>>(co_await net::this_coro::executor);
    send([self = shared_from_this(), waits, work = std::move(work)] { self->answer(waits, work()); });
    co_await waits->done.async_wait_until(clock::now() + how_.call_timeout, net::as_tuple(net::deferred));
    if (waits->answer) co_return std::move(*waits->answer);
    co_return fleet::make_error_code(silence);
  }

  const std::shared_ptr<memory> memory_;
  const broker_conditions& how_;
};

simulated_broker::simulated_broker(world& in) : memory_(std::make_shared<memory>(in, conditions)) {}
simulated_broker::~simulated_broker() {
  memory_->on_change = nullptr;
  for (const auto& [from, each] : views_) {  // what waits there has shares of the view
    each->way->held = 0;
    each->way->waiting.clear();
  }
}

std::shared_ptr<fleet::coordinator> simulated_broker::seen_from(machine& from) {
  auto& at = views_[&from];
  if (!at) at = std::make_shared<view>(memory_, conditions);
  return at;
}

void simulated_broker::cut(const machine& from, bool cut) {
  const auto found = views_.find(&from);
  if (found == views_.end()) return;
  found->second->way->is_cut = cut;
  if (!cut) memory_->make_up_for(found->second->way.get());
}

void simulated_broker::hold_up(const machine& from, bool held) {
  const auto found = views_.find(&from);
  if (found == views_.end()) return;
  const auto way = found->second->way;
  held ? void(++way->held) : way->let_through();
}

void simulated_broker::stop() { memory_->is_stopped = true; }
void simulated_broker::start() {
  memory_->is_stopped = false;
  memory_->make_up_for(nullptr);
}

const entry* simulated_broker::find(const std::string& name) const {
  const auto found = memory_->entries.find(name);
  return found != memory_->entries.end() ? &found->second.newest : nullptr;
}

std::vector<std::string> simulated_broker::names(const std::string& prefix) const {
  std::vector<std::string> out;
  for (auto at = memory_->entries.lower_bound(prefix);
       at != memory_->entries.end() && at->first.starts_with(prefix); ++at)
    out.push_back(at->first);
  return out;
}

void simulated_broker::on_change(std::function<void(const entry&)> next) {
  memory_->on_change = std::move(next);
}
const std::vector<published_event>& simulated_broker::events() const noexcept { return memory_->events; }
std::uint64_t simulated_broker::updates() const noexcept { return memory_->updates; }

}  // namespace holdfast::testing
