// Asks a web application by a form, and reads its answer.
module;
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :json_frame;
import :pusher;

namespace holdfast::channels {
namespace {

constexpr unsigned ok_status = 200;
constexpr unsigned request_timeout_status = 408;
constexpr unsigned too_many_requests_status = 429;

std::string form_value(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

bool is_refusal(unsigned status) {
  return status >= 400 && status < 500 && status != request_timeout_status &&
         status != too_many_requests_status;
}

channel_token token_in(const http_response& answer) {
  if (is_refusal(answer.status))
    throw permanent_failure("the authorizer has answered with status " + std::to_string(answer.status));
  if (answer.status != ok_status)
    throw std::runtime_error("the authorizer has answered with status " + std::to_string(answer.status));
  const auto read = parse_frame(answer.body);
  if (!read) throw std::runtime_error("the authorizer has not answered with JSON");
  channel_token out{.token = std::string(text_field(*read, "auth")),
                    .data = std::string(text_field(*read, "channel_data"))};
  if (out.token.empty()) throw std::runtime_error("the answer of the authorizer has no \"auth\"");
  return out;
}

net::awaitable<channel_token> ask(std::shared_ptr<const pusher_authorizer_options> how,
                                  channel_token_request wanted) {
  http_request request{.url = how->url, .method = "POST", .headers = how->headers};
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = "socket_id=" + form_value(wanted.session) + "&channel_name=" + form_value(wanted.channel);
  const auto answer = co_await http_fetch(std::move(request), how->way);
  co_return token_in(answer);
}

}  // namespace

channel_token_provider pusher_authorizer(pusher_authorizer_options how) {
  const bool is_http = how.url.starts_with("http://") || how.url.starts_with("https://");
  const auto problem =
      is_http ? read_url("ws" + how.url.substr(4)).problem : "must begin with https:// or http://";
  if (!problem.empty()) throw option_error("pusher_authorizer_options.url", problem);
  return [shared = std::make_shared<const pusher_authorizer_options>(std::move(how))](
             channel_token_request wanted) { return ask(shared, std::move(wanted)); };
}

}  // namespace holdfast::channels
