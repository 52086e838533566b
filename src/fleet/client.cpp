// A client keeps in mind who held a key last, and asks again when that one does not hold it any more.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
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

import :client;
import :entry_names;
import :records;

namespace holdfast::fleet {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_key = 256;
constexpr int most_tries = 8;  // against others who change the same entry

std::string id_of(std::string_view holder) { return std::string(holder.substr(0, holder.rfind('/'))); }

void check(std::string_view key) {
  if (key.empty() || key.size() > longest_key)
    throw std::invalid_argument("fleet key: must have 1 to 256 bytes");
}

net::awaitable<void> pause(clock::duration span) {
  timer waits(co_await net::this_coro::executor);
  co_await waits.async_wait_until(clock::now() + span, net::as_tuple(net::deferred));
}

// Writes a value, whatever the entry holds; `needs_entry`: it must be there.
net::awaitable<result<void>> put(std::shared_ptr<coordinator> broker, std::string name, std::string value,
                                 bool needs_entry) {
  error_code why;
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto found = co_await broker->get(name);
    if (!found) co_return found.error();
    if (!*found && needs_entry) co_return make_error_code(error::unknown_key);
    const auto expected = *found ? (*found)->revision : 0;
    const auto how = co_await broker->update(name, value, expected);
    if (how) co_return result<void>();
    why = how.error();
    if (why != error::stale && why != error::outcome_unknown) break;
  }
  co_return why;
}

// Everything that a watch gives until it has caught up.
struct collection {
  explicit collection(const net::any_io_executor& on) : done(on) {}
  timer done;
  std::vector<entry> entries{};
  bool is_whole = false;
  error_code failed{};
};

// On a strand, which the watch shares.
net::awaitable<result<fleet_status>> read_status(std::shared_ptr<coordinator> broker) {
  const auto where = co_await net::this_coro::executor;
  const auto all = std::make_shared<collection>(where);
  const auto until = clock::now() + 5s;
  const auto watch = broker->watch({},
                                   {.on_entry = [all](entry one) { all->entries.push_back(std::move(one)); },
                                    .on_caught_up =
                                        [all] {
                                          all->is_whole = true;
                                          all->done.cancel();
                                        },
                                    .on_lost = [all](error_code why) { all->failed = why; }},
                                   where);
  while (!all->is_whole && clock::now() < until)
    co_await all->done.async_wait_until(until, net::as_tuple(net::deferred));
  if (!all->is_whole) co_return all->failed ? all->failed : make_error_code(error::unavailable);
  fleet_status out;
  std::map<std::string, entry, std::less<>> newest;
  for (auto& each : all->entries) {
    auto& at = newest[each.name];
    if (each.revision >= at.revision) at = std::move(each);
  }
  struct holding {
    std::string worker{};
    std::uint64_t epoch = 0;
  };
  std::map<std::string, holding, std::less<>> leases;
  std::map<std::string, std::uint64_t, std::less<>> loads;
  for (const auto& [name, one] : newest) {
    if (name == settings_name) {
      if (const auto read = read_settings(one.value)) out.shards = read->shards;
    }
    const auto shard = behind(lease_prefix, name);
    const auto record = shard.empty() ? std::nullopt : read_lease(one.value);
    if (!record) continue;
    leases[std::string(shard)] = {id_of(record->holder), record->epoch != 0 ? record->epoch : one.revision};
    if (!record->holder.empty()) ++loads[id_of(record->holder)];
  }
  for (const auto& [name, one] : newest) {
    if (const auto id = from_name(behind(worker_prefix, name)); id && !id->empty()) {
      if (const auto read = read_worker(one.value))
        out.workers.push_back(
            {.id = *id, .capacity = read->capacity, .draining = read->draining, .shards = loads[*id]});
    }
    const auto key = from_name(behind(key_prefix, name));
    const auto record = key && !key->empty() ? read_key(one.value) : std::nullopt;
    if (!record || record->removed) continue;
    const auto& lease = leases[shard_of(*key, out.shards)];
    out.keys.push_back({.key = *key, .value = record->value, .worker = lease.worker, .epoch = lease.epoch});
  }
  std::ranges::sort(out.keys, {}, &key_status::key);
  co_return out;
}

}  // namespace

struct client::knowledge {
  explicit knowledge(std::shared_ptr<coordinator> with) : broker(std::move(with)) {}

  const std::shared_ptr<coordinator> broker;
  std::mutex mutex;
  std::optional<std::uint32_t> shards{};
  std::map<std::string, std::string, std::less<>> holders{};  // by shard

  // The id of who holds the key, as far as is known here. unknown_key: there is no such fleet, or key;
  // not_held: nobody holds it.
  net::awaitable<result<std::string>> find_holder(const std::string& key);
  // Whoever was named did not have it.
  void forget_holder(const std::string& key) {
    const std::lock_guard lock(mutex);
    if (shards) holders.erase(shard_of(key, *shards));
  }
  // What the holder says of the message. not_held: it does not hold the key, or is gone. With any error the
  // message was not sent.
  net::awaitable<result<send_result>> ask(const std::string& holder, const send_request& what) const;

 private:
  net::awaitable<result<std::uint32_t>> find_shards();
  net::awaitable<bool> is_a_key(const std::string& key) const;
};

net::awaitable<result<std::uint32_t>> client::knowledge::find_shards() {
  {
    const std::lock_guard lock(mutex);
    if (shards) co_return *shards;
  }
  std::string name(settings_name);
  const auto found = co_await broker->get(std::move(name));
  if (!found) co_return found.error();
  const auto read = *found ? read_settings((*found)->value) : std::nullopt;
  if (!read) co_return make_error_code(error::unknown_key);
  const std::lock_guard lock(mutex);
  shards = read->shards;
  co_return read->shards;
}

// A broker that does not say so leaves the question open.
net::awaitable<bool> client::knowledge::is_a_key(const std::string& key) const {
  auto name = std::string(key_prefix) + to_name(key);
  const auto found = co_await broker->get(std::move(name));
  if (!found) co_return true;
  const auto read = *found ? read_key((*found)->value) : std::nullopt;
  co_return read && !read->removed;
}

net::awaitable<result<std::string>> client::knowledge::find_holder(const std::string& key) {
  const auto count = co_await find_shards();
  if (!count) co_return count.error();
  const auto shard = shard_of(key, *count);
  {
    const std::lock_guard lock(mutex);
    if (const auto known = holders.find(shard); known != holders.end()) co_return known->second;
  }
  auto name = std::string(lease_prefix) + shard;
  const auto found = co_await broker->get(std::move(name));
  const auto record = found && *found ? read_lease((*found)->value) : std::nullopt;
  if (record && !record->holder.empty()) {
    const std::lock_guard lock(mutex);
    co_return holders[shard] = record->holder;
  }
  const bool exists = co_await is_a_key(key);
  if (!exists) co_return make_error_code(error::unknown_key);
  co_return found ? make_error_code(error::not_held) : found.error();
}

net::awaitable<result<send_result>> client::knowledge::ask(const std::string& holder,
                                                           const send_request& what) const {
  auto name = "to." + to_name(holder);
  auto text = write_request(what);
  const auto patience = std::chrono::milliseconds(what.wait_ms) + 200ms;
  const auto answer = co_await broker->request(std::move(name), std::move(text), patience);
  send_result in_doubt{.outcome = delivery::in_doubt};
  if (!answer && answer.error() == error::no_responder) co_return make_error_code(error::not_held);
  if (!answer && answer.error() != error::outcome_unknown) co_return answer.error();
  if (!answer) in_doubt.reason = answer.error();
  if (!answer) co_return in_doubt;
  const auto read = read_answer(*answer);
  if (read && !read->held) co_return make_error_code(error::not_held);
  if (read) co_return read->result;
  in_doubt.reason = make_error_code(holdfast::error::protocol_failed);
  co_return in_doubt;
}

client::client(std::shared_ptr<coordinator> broker) : known_(std::make_shared<knowledge>(std::move(broker))) {
  if (!known_->broker) throw std::invalid_argument("fleet client: the coordinator must not be null");
}

net::awaitable<result<void>> client::add(std::string key, std::string value) const {
  check(key);
  const auto known = known_;
  auto name = std::string(key_prefix) + to_name(key);
  auto record = write_key({.value = std::move(value)});
  co_return co_await put(known->broker, std::move(name), std::move(record), false);
}

net::awaitable<result<void>> client::remove(std::string key) const {
  check(key);
  const auto known = known_;
  auto name = std::string(key_prefix) + to_name(key);
  const auto found = co_await known->broker->get(name);
  if (!found) co_return found.error();
  const auto record = *found ? read_key((*found)->value) : std::nullopt;
  if (!record || record->removed) co_return make_error_code(error::unknown_key);
  auto removed = write_key({.removed = true});
  co_return co_await put(known->broker, std::move(name), std::move(removed), true);
}

net::awaitable<send_result> client::send(std::string key, std::string text, send_through how) const {
  check(key);
  if (how.patience < 1ms || how.patience > 1h)
    throw option_error("send_through.patience", "must be from 1 ms to an hour");
  const auto known = known_;
  const auto until = clock::now() + how.patience;
  send_request asked{.key = std::move(key), .text = std::move(text), .kind = how.kind};
  send_result out{.reason = make_error_code(error::not_held)};
  for (bool first = true; first || clock::now() < until; first = false) {
    const auto holder = co_await known->find_holder(asked.key);
    out.reason = holder ? error_code() : holder.error();
    if (holder) {
      const auto left = std::max<clock::duration>(until - clock::now(), 1ms);
      asked.wait_ms =
          static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
      const auto said = co_await known->ask(*holder, asked);
      if (said) co_return *said;
      out.reason = said.error();
      known->forget_holder(asked.key);
    }
    if (out.reason == error::unknown_key || out.reason == error::too_large) co_return out;
    co_await pause(50ms);
  }
  co_return out;
}

net::awaitable<result<fleet_status>> client::status() const {
  auto reads = read_status(known_->broker);
  const auto strand = net::make_strand(co_await net::this_coro::executor);
  co_return co_await net::co_spawn(strand, std::move(reads), net::use_awaitable);
}

net::awaitable<result<void>> client::drain(std::string worker_id) const {
  const auto known = known_;
  auto entry_name = std::string(worker_prefix) + to_name(worker_id);
  const auto found = co_await known->broker->get(std::move(entry_name));
  if (!found) co_return found.error();
  const auto record = *found ? read_worker((*found)->value) : std::nullopt;
  if (!record) co_return make_error_code(error::no_responder);
  auto process = "to." + to_name(worker_id + '/' + record->run);
  const auto answer = co_await known->broker->request(std::move(process), std::string(drain_request), 5s);
  if (!answer) co_return answer.error();
  co_return result<void>();
}

}  // namespace holdfast::fleet
