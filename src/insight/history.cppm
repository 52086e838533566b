// :history — the records of a timeline, as what is drawn. Pure: no clock.
module;
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

module holdfast.insight:history;

import holdfast;

namespace holdfast {

// All times in seconds since the beginning of the picture.
struct history {
  struct state_span {
    double begin = 0;
    double end = 0;
    std::string state{};
    bool unresponsive = false;
    std::string text{};
  };
  struct stage_span {
    double begin = 0;
    double end = 0;
    std::string stage{};
    bool failed = false;
    std::string text{};
  };
  struct wait_span {
    double begin = 0;
    double end = 0;
    std::string rule{};
  };
  struct round_trip {
    double at = 0;
    double seconds = 0;
  };
  struct numbers {
    double at = 0;
    double waiting = 0;  // bytes
    double waiting_limit = 0;
    double unread = 0;  // messages
    double unread_limit = 0;
    double sent = 0;  // written or acknowledged; these count from the beginning of the connection
    double lost = 0;  // not sent, in doubt or dropped
  };
  struct mark {
    double at = 0;
    std::string text{};
  };
  struct row {
    double at = 0;
    std::string state{};
    std::string text{};
  };

  double length = 0;
  std::string sentence{};
  std::vector<state_span> states{};
  std::vector<stage_span> dials{};
  std::vector<wait_span> waits{};
  std::vector<round_trip> round_trips{};
  double pong_deadline = 0;
  std::vector<numbers> samples{};
  std::vector<mark> marks{};
  std::vector<row> rows{};  // transitions
};

history read_history(const std::vector<log_record>& records, clock::time_point end);

// The picture without the sentence, as SVG.
std::string draw_lanes(const history& of);

// "3 h 12 min", "1.5 s", "40 ms".
std::string span_text(double seconds);

}  // namespace holdfast
