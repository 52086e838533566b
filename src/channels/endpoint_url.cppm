// :endpoint_url — the path and the query that a protocol has its servers listen at, added to the URLs of the
// options where the program has not said otherwise.
module;
#include <string>
#include <string_view>

module holdfast.channels:endpoint_url;

import holdfast.core;

namespace holdfast::channels {

// `path` takes the place of an empty one, or "/". Of `query`, "NAME=VALUE&…", each parameter is added whose
// NAME the URL does not have. A URL that cannot be read is returned as it is: the connection says what is
// wrong with it.
std::string complete_url(std::string url, std::string_view path, std::string_view query);
// The same for all URLs of the options.
void complete_urls(options& given, std::string_view path, std::string_view query);

}  // namespace holdfast::channels
