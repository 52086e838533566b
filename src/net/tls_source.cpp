// Decides when the files of the options are read again, and what happens if one cannot be used.
module;
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :tls_engine;
import :tls_material;
import :tls_source;

namespace holdfast {

current_tls tls_source::current(const tls_options& given) {
  const auto now = stamps_of(given);  // before the files are read: a change meanwhile is seen the next time
  if (last_ && (now.readable_once() || (last_->settled && now == last_->read))) return {last_->context};
  try {
    auto fresh = std::make_shared<tls_context>(given);
    if (!last_) last_ = std::make_unique<reading>();
    if (!last_->context || has_new_content(*fresh, now)) last_->context = std::move(fresh);
    last_->read = now;
    last_->settled = now.settled();
    last_->told.clear();
    return {last_->context};
  } catch (const option_error& problem) {
    if (!last_) throw;
    last_->settled = false;
    return {last_->context, warning_about(problem, now)};
  }
}

// A file that was only touched is no reason to forget the sessions. OpenSSL itself reads the system's store,
// and the files in a directory, the latter only when it verifies a server, so there the stamp decides.
bool tls_source::has_new_content(const tls_context& fresh, const tls_stamps& now) const {
  return fresh.implementation_->made->digest != last_->context->implementation_->made->digest ||
         now.ca_directory != last_->read.ca_directory || now.system_store != last_->read.system_store;
}

std::string tls_source::warning_about(const option_error& problem, const tls_stamps& now) {
  if (last_->told == problem.what() && last_->told_about == now) return {};
  last_->told = problem.what();
  last_->told_about = now;
  return last_->told + "; the files read before stay in use";
}

}  // namespace holdfast
