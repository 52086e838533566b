// On the text as it was written, so that what the program has meant by it stays.
module;
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :endpoint_url;

namespace holdfast::channels {
namespace {

constexpr std::string_view scheme_end = "//";

bool has_parameter(std::string_view query, std::string_view name) {
  for (auto at = query.find(name); at != std::string_view::npos; at = query.find(name, at + 1)) {
    if (query[at - 1] == '?' || query[at - 1] == '&') return true;
  }
  return false;
}

}  // namespace

std::string complete_url(std::string url, std::string_view path, std::string_view query) {
  if (!read_url(url).problem.empty()) return url;
  while (static_cast<unsigned char>(url.back()) <= ' ') url.pop_back();  // as read_url() does
  auto begin = url.find(scheme_end);
  if (begin == std::string::npos) return url;
  begin = url.find_first_of("/\\?", begin + scheme_end.size());
  if (begin == std::string::npos) begin = url.size();
  auto question = url.find('?', begin);
  if (question == std::string::npos) question = url.size();
  if (question - begin <= 1) {
    url.replace(begin, question - begin, path);
    question = begin + path.size();
  }
  while (!query.empty()) {
    const auto one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    if (has_parameter(std::string_view(url).substr(question), one.substr(0, one.find('=') + 1))) continue;
    url.append(1, question == url.size() ? '?' : '&').append(one);
  }
  return url;
}

void complete_urls(options& given, std::string_view path, std::string_view query) {
  const auto complete = [&](std::string& each) { each = complete_url(std::move(each), path, query); };
  complete(given.url);
  for (auto& each : given.endpoints.further_urls) complete(each);
  for (auto& each : given.endpoints.plaintext_urls) complete(each);
}

}  // namespace holdfast::channels
