// A context for TLS that has the options' files, and writes down the handshake: version, cipher,
// certificates.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

import holdfast;

namespace tool {

// The files must have been found good: see the constructor of `connection`.
std::shared_ptr<boost::asio::ssl::context> observed_context(const holdfast::tls_options& given);

}  // namespace tool
