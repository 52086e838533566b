// Messages that are acknowledged: the server's program gets each at most once, in the order of their numbers,
// and what the client's program is told about each is true. For worlds in holdfast.v1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal.hpp"
#include "plan.hpp"
#include "throttling.hpp"
#include "transitions.hpp"

import holdfast;

namespace sim {

class deliveries {
 public:
  deliveries(journal& log, const holdfast::limit_options& limits, const transitions& states,
             throttling& throttles)
      : log_(log), limits_(limits), states_(states), throttles_(throttles) {}

  // The client. What is sent, as JSON or, if the letter says so, as something that must be refused.
  std::size_t prepare(const letter& what, std::size_t size);
  [[nodiscard]] std::string payload(std::size_t id) const;
  [[nodiscard]] holdfast::send_options manner(std::size_t id) const;
  // `published`: the state at this moment; `open`: a session was open for certain.
  void started(std::size_t id, const holdfast::state_change& published, bool open);
  void settled(std::size_t id, const holdfast::send_result& result);

  // The server. A whole frame on the link with this number, links counted from 0.
  void arrived(std::size_t link, std::uint64_t number, std::string_view payload, std::string_view feature);
  // Its program has got it.
  void processed(std::string_view payload);

  // After each step.
  void check();
  [[nodiscard]] bool nothing_waits() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::string first_waiting() const;

 private:
  struct outgoing {
    letter what{};
    std::size_t size = 0;
    bool open = false;
    bool session_expected = false;
    bool throttled = false;
    bool processed = false;
    clock::time_point at{};
    std::uint64_t sequence = 0;  // of the last transition before it
    std::uint64_t number = 0;    // under which it came; 0: it has not
    std::optional<holdfast::send_result> result{};
  };
  void check_reason(std::size_t id, const outgoing& one, const holdfast::send_result& result);
  void check_refusal(std::size_t id, const outgoing& one, const holdfast::send_result& result);
  void check_drop(std::size_t id, const outgoing& one, const holdfast::send_result& result);
  void check_age(std::size_t id) const;
  [[nodiscard]] bool has_ended_since(std::uint64_t sequence) const;

  journal& log_;
  const holdfast::limit_options limits_;
  const transitions& states_;
  throttling& throttles_;
  std::vector<outgoing> sent_;
  std::vector<std::size_t> waiting_;   // sent and not settled
  std::vector<std::size_t> given_up_;  // because their session has ended, and not yet checked
  std::map<std::uint64_t, std::size_t> by_number_;
  std::map<std::size_t, std::uint64_t> last_on_link_;
  std::map<std::string, std::size_t, std::less<>> last_of_feature_;  // processed; of all features: ""
};

}  // namespace sim
