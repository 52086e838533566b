// What one world consists of: who takes part in it, and who looks at what they do.
#pragma once

#include "continuity.hpp"
#include "courier.hpp"
#include "deliveries.hpp"
#include "journal.hpp"
#include "lost_lines.hpp"
#include "plan.hpp"
#include "throttling.hpp"
#include "transitions.hpp"
#include "v1_server.hpp"
#include "wiretap.hpp"

import holdfast.testing;

namespace sim {

// What a world has besides if it speaks holdfast.v1.
struct v1_world {
  v1_world(journal& log, transitions& states, const plan& what)
      : throttles(log, states),
        mail(log, what.options.limits, states, throttles),
        news(log, what.options.limits),
        service({log, mail, news, throttles, states, what}) {}

  throttling throttles;
  deliveries mail;
  continuity news;
  v1_server service;
};

// What one world consists of, beside the user.
struct surroundings {
  holdfast::testing::world& in;
  journal& log;
  courier& mail;
  transitions& states;
  const plan& what;
  v1_world* v1;  // null: messages are passed on as they are
  lost_lines& lost;
  const wiretap* wire;  // null: nothing can be read along
};

}  // namespace sim
