// A context for TLS that has the options' files, and writes down the handshake: version, cipher,
// certificates.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "doctor_report.hpp"

import holdfast;

namespace tool {

// `to` must outlive it. The files must have been found good: see the constructor of `connection`.
std::shared_ptr<boost::asio::ssl::context> observed_context(const holdfast::tls_options& given,
                                                            const report& to);

}  // namespace tool
