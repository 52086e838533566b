# The two modules that are shipped: holdfast, and holdfast.testing for programs that test their use of it.
# Interface units in modules/ are what a user reads; partitions in src/ are internal.

set(room ${PROJECT_SOURCE_DIR})

add_library(holdfast)
add_library(holdfast::holdfast ALIAS holdfast)
target_sources(holdfast
  PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${room}/modules ${room}/src FILES
    ${room}/modules/holdfast.cppm
    ${room}/modules/error.cppm
    ${room}/modules/time.cppm
    ${room}/modules/jump_detector.cppm
    ${room}/modules/state.cppm
    ${room}/modules/backoff.cppm
    ${room}/modules/network.cppm
    ${room}/modules/compression.cppm
    ${room}/modules/addresses.cppm
    ${room}/modules/endpoints.cppm
    ${room}/modules/headers.cppm
    ${room}/modules/url.cppm
    ${room}/modules/cookies.cppm
    ${room}/modules/credentials.cppm
    ${room}/modules/redirect.cppm
    ${room}/modules/proxy.cppm
    ${room}/modules/tls.cppm
    ${room}/modules/message.cppm
    ${room}/modules/json.cppm
    ${room}/modules/protocol.cppm
    ${room}/modules/options.cppm
    ${room}/modules/netlink.cppm
    ${room}/modules/network_watcher.cppm
    ${room}/modules/engine.cppm
    ${room}/modules/v1.cppm
    ${room}/modules/upgrade.cppm
    ${room}/modules/state_channel.cppm
    ${room}/modules/connection.cppm
    ${room}/src/masking.cppm
    ${room}/src/journal.cppm
    ${room}/src/url_text.cppm
    ${room}/src/door.cppm
    ${room}/src/route.cppm
    ${room}/src/file_stamp.cppm
    ${room}/src/tls_source.cppm
    ${room}/src/upstream.cppm
    ${room}/src/proxy_dialogue.cppm
    ${room}/src/json_text.cppm
    ${room}/src/v1_frames.cppm
    ${room}/src/completion.cppm
    ${room}/src/tls_engine.cppm
    ${room}/src/executors.cppm
    ${room}/src/wakeup.cppm
    ${room}/src/channel.cppm
    ${room}/src/inbox.cppm
    ${room}/src/message_handler.cppm
    ${room}/src/backlog.cppm
    ${room}/src/congestion.cppm
    ${room}/src/outbox.cppm
    ${room}/src/conversation.cppm
    ${room}/src/address_race.cppm
    ${room}/src/dial_memory.cppm
    ${room}/src/dial.cppm
    ${room}/src/liveness.cppm
    ${room}/src/registry.cppm
    ${room}/src/session.cppm
    ${room}/src/actor.cppm
  PRIVATE
    ${room}/src/error.cpp
    ${room}/src/time.cpp
    ${room}/src/state.cpp
    ${room}/src/backoff.cpp
    ${room}/src/network.cpp
    ${room}/src/compression.cpp
    ${room}/src/deflate.cpp
    ${room}/src/addresses.cpp
    ${room}/src/endpoints.cpp
    ${room}/src/headers.cpp
    ${room}/src/url.cpp
    ${room}/src/cookies.cpp
    ${room}/src/address_book.cpp
    ${room}/src/dial_credentials.cpp
    ${room}/src/url_text.cpp
    ${room}/src/host_name.cpp
    ${room}/src/http_head.cpp
    ${room}/src/retry_after.cpp
    ${room}/src/retry_rules.cpp
    ${room}/src/retry_explain.cpp
    ${room}/src/lookup.cpp
    ${room}/src/route.cpp
    ${room}/src/file_stamp.cpp
    ${room}/src/tls_source.cpp
    ${room}/src/credentials.cpp
    ${room}/src/token_source.cpp
    ${room}/src/redirect.cpp
    ${room}/src/proxy_url.cpp
    ${room}/src/proxy_choice.cpp
    ${room}/src/proxy_handshake.cpp
    ${room}/src/proxy_http.cpp
    ${room}/src/proxy_socks5.cpp
    ${room}/src/tls_context.cpp
    ${room}/src/tls_engine.cpp
    ${room}/src/tls_errors.cpp
    ${room}/src/tls_sessions.cpp
    ${room}/src/tls_stream.cpp
    ${room}/src/options.cpp
    ${room}/src/options_without_effect.cpp
    ${room}/src/journal.cpp
    ${room}/src/netlink.cpp
    ${room}/src/network_watcher.cpp
    ${room}/src/message.cpp
    ${room}/src/engine.cpp
    ${room}/src/engine_output.cpp
    ${room}/src/masking.cpp
    ${room}/src/utf8.cpp
    ${room}/src/protocol.cpp
    ${room}/src/json.cpp
    ${room}/src/json_text.cpp
    ${room}/src/v1_frames.cpp
    ${room}/src/v1.cpp
    ${room}/src/upgrade.cpp
    ${room}/src/channel.cpp
    ${room}/src/listeners.cpp
    ${room}/src/inbox.cpp
    ${room}/src/message_handler.cpp
    ${room}/src/congestion.cpp
    ${room}/src/outbox.cpp
    ${room}/src/outbox_waiting.cpp
    ${room}/src/outbox_fates.cpp
    ${room}/src/conversation.cpp
    ${room}/src/address_race.cpp
    ${room}/src/dial.cpp
    ${room}/src/dial_steps.cpp
    ${room}/src/session.cpp
    ${room}/src/session_tend.cpp
    ${room}/src/session_end.cpp
    ${room}/src/actor.cpp
    ${room}/src/migration.cpp
    ${room}/src/commands.cpp
    ${room}/src/connection.cpp)
target_compile_definitions(holdfast PRIVATE HOLDFAST_HAS_IDN=$<BOOL:${HOLDFAST_HAS_IDN}>)
if(HOLDFAST_HAS_IDN)
  target_link_libraries(holdfast PRIVATE IDN2::IDN2)
endif()
target_compile_features(holdfast PUBLIC cxx_std_20)
target_link_libraries(holdfast PUBLIC Boost::headers Boost::json Boost::url OpenSSL::SSL OpenSSL::Crypto Threads::Threads
                      PRIVATE ZLIB::ZLIB $<BUILD_INTERFACE:holdfast_strict>)
set_target_properties(holdfast PROPERTIES EXPORT_NAME holdfast POSITION_INDEPENDENT_CODE ON)  # for shared libraries

add_library(holdfast_testing)
add_library(holdfast::testing ALIAS holdfast_testing)
target_sources(holdfast_testing
  PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${room}/modules ${room}/src FILES
    ${room}/modules/testing/testing.cppm
    ${room}/modules/testing/world.cppm
    ${room}/modules/testing/simulated_network.cppm
    ${room}/modules/testing/certificates.cppm
    ${room}/modules/testing/server.cppm
    ${room}/modules/testing/loopback.cppm
    ${room}/modules/testing/v1_server.cppm
    ${room}/src/testing/link.cppm
    ${room}/src/testing/stalling_stream.cppm
    ${room}/src/testing/v1_wire.cppm
    ${room}/src/testing/v1_memory.cppm
    ${room}/src/testing/v1_sockets.cppm
  PRIVATE
    ${room}/src/testing/world.cpp
    ${room}/src/testing/link.cpp
    ${room}/src/testing/simulated_network.cpp
    ${room}/src/testing/certificates.cpp
    ${room}/src/testing/server.cpp
    ${room}/src/testing/server_session.cpp
    ${room}/src/testing/loopback.cpp
    ${room}/src/testing/v1_wire.cpp
    ${room}/src/testing/v1_memory.cpp
    ${room}/src/testing/v1_sockets.cpp
    ${room}/src/testing/v1_server.cpp)
target_link_libraries(holdfast_testing PUBLIC holdfast PRIVATE $<BUILD_INTERFACE:holdfast_strict>)
set_target_properties(holdfast_testing PROPERTIES EXPORT_NAME testing POSITION_INDEPENDENT_CODE ON)
