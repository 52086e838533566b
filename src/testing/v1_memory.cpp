// What the server keeps of sessions and of clients, and what a login finds of it.
module;
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import :v1_memory;

namespace holdfast::testing {

void v1_session::keep_at_most(std::size_t events) {
  while (kept.size() > events) {
    kept.pop_front();
    ++first_kept;
  }
}

v1_memory::login v1_memory::log_in(const v1_hello& hello) {
  login out;
  if (hello.resume) {
    const auto found = std::ranges::find(sessions_, hello.resume->session, &v1_session::name);
    const auto session = found == sessions_.end() || (*found)->forgotten ? nullptr : *found;
    if (session && session->client != hello.client) {
      out.problem = "hello: resume.session must not be that of another client";
    } else if (session && hello.resume->last_seq > session->last()) {
      out.problem = "hello: resume.last_seq must not be beyond the last event";
    } else {
      out.session = session;
    }
  }
  out.resumed = out.session != nullptr;
  if (!out.resumed) {
    out.session = std::make_shared<v1_session>();
    out.session->name = "s" + std::to_string(sessions_.size() + 1);
    out.session->client = hello.client;
    sessions_.push_back(out.session);
    return out;
  }
  out.seq = hello.resume->last_seq;
  if (out.seq + 1 < out.session->first_kept) {
    out.gap = message_gap{.from = out.seq + 1, .to = out.session->first_kept - 1};
    out.seq = out.gap->to;
  }
  return out;
}

v1_memory::fate v1_memory::take(const v1_message& given) {
  auto& last = last_ids_[given.client];
  if (given.id > last) {
    last = given.id;
    messages_.push_back(given);
    return fate::processed;
  }
  // If the number is not found, the client has left it out: it had given that message up.
  const auto same = [&](const v1_message& one) { return one.id == given.id && one.client == given.client; };
  const auto before = std::ranges::find_if(messages_, same);
  const bool differs =
      before != messages_.end() && (before->data != given.data || before->feature != given.feature);
  return differs ? fate::differs : fate::passed_over;
}

std::uint64_t v1_memory::last_id(const std::string& client) const {
  const auto found = last_ids_.find(client);
  return found == last_ids_.end() ? 0 : found->second;
}

std::string v1_memory::acknowledge(v1_session& session, std::uint64_t seq) {
  if (seq > session.last()) return "ack: seq must not be beyond the last event";
  if (seq <= session.acknowledged) return "ack: seq must be larger than that of the ack before";
  session.acknowledged = seq;
  while (!session.kept.empty() && session.first_kept <= seq) {
    session.kept.pop_front();
    ++session.first_kept;
  }
  return {};
}

std::vector<std::shared_ptr<v1_session>> v1_memory::tell(std::string_view data, std::string_view client) {
  std::vector<std::shared_ptr<v1_session>> out;
  for (const auto& each : sessions_) {
    if (!client.empty() && each->client != client) continue;
    each->kept.emplace_back(data);
    each->keep_at_most(retained_);
    out.push_back(each);
  }
  return out;
}

void v1_memory::forget_sessions() noexcept {
  for (const auto& each : sessions_) each->forgotten = true;
}

void v1_memory::retain(std::size_t events) {
  retained_ = events;
  for (const auto& each : sessions_) each->keep_at_most(events);
}

}  // namespace holdfast::testing
