// What the streams of one connection have in common.
module;
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <string_view>

module holdfast.core;

import :tls_engine;
import :tls_material;

namespace holdfast {

tls_context::tls_context(const tls_options& given)
    : implementation_(std::make_unique<implementation>(
          implementation{.made = given.context ? lent_material(*given.context) : client_material(given),
                         .lent = given.context,
                         .verify = given.verify,
                         .server_name = given.server_name,
                         .resume_sessions = given.resume_sessions})) {}

tls_context::tls_context(const tls_server_options& given)
    : implementation_(std::make_unique<implementation>(
          implementation{.made = given.context ? lent_material(*given.context) : server_material(given),
                         .lent = given.context,
                         .is_server = true})) {}

tls_context::~tls_context() = default;

}  // namespace holdfast
