// :executors — where a connection runs. Kept once for all its parts: an executor of unknown type is large.
module;
#include <boost/asio/any_io_executor.hpp>

module holdfast.core:executors;

import :time;

namespace holdfast {

struct executors {
  net::any_io_executor own;     // the program's: handlers without an executor of their own are called there
  net::any_io_executor strand;  // over it: all that the connection itself does
};

}  // namespace holdfast
