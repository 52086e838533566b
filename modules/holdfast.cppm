/// holdfast — WebSocket connections that last: they reconnect by themselves and report their state
/// truthfully. This unit is the table of contents of what a program uses; read `connection` first. What
/// stands here is the interface; `holdfast.core`, where it is declared, is not.
export module holdfast;

import holdfast.core;

export namespace holdfast {

// The handle.
using holdfast::connection;

// Options.
using holdfast::compression_options;
using holdfast::congestion_options;
using holdfast::connect_mode;
using holdfast::deadline_options;
using holdfast::endpoint_health;
using holdfast::endpoint_options;
using holdfast::endpoint_order;
using holdfast::header_list;
using holdfast::heartbeat_options;
using holdfast::limit_options;
using holdfast::log_level;
using holdfast::options;
using holdfast::proxy_options;
using holdfast::session_options;
using holdfast::subprotocol_rule;
using holdfast::tls_options;
using holdfast::tls_verify;
using holdfast::utf8_rule;
using holdfast::validate;

// The state.
using holdfast::change_reason;
using holdfast::close_codes;
using holdfast::close_reason;
using holdfast::connection_listener;
using holdfast::connection_state;
using holdfast::listener_options;
using holdfast::message_gap;
using holdfast::observed_change;
using holdfast::stage;
using holdfast::state_change;
using holdfast::state_ring_size;
using holdfast::state_watch;
using holdfast::throttled_feature;

// What happens, and what there is.
using holdfast::log_record;
using holdfast::session_info;
using holdfast::to_json;

// Numbers.
using holdfast::connection_stats;
using holdfast::context_stats;
using holdfast::duration_histogram;
using holdfast::failure_count;
using holdfast::measured_times;
using holdfast::send_counts;
using holdfast::stats_of;
using holdfast::to_openmetrics;

// Messages.
using holdfast::delivery;
using holdfast::json_message;
using holdfast::message;
using holdfast::message_batch;
using holdfast::message_kind;
using holdfast::message_view;
using holdfast::offline_rule;
using holdfast::read_json;
using holdfast::send_options;
using holdfast::send_result;
using holdfast::throttled_rule;
using holdfast::to_text;

// Texts in UTF-8.
using holdfast::cut_at_character;
using holdfast::is_valid_utf8;
using holdfast::one_line;

// When to try again.
using holdfast::attempt_record;
using holdfast::default_retry_rules;
using holdfast::explain;
using holdfast::retry_decision;
using holdfast::retry_delay;
using holdfast::retry_policy;
using holdfast::retry_rule;
using holdfast::schedule_entry;

// Who may dial now.
using holdfast::dial_gate;
using holdfast::dial_gate_options;
using holdfast::dial_permit;
using holdfast::dial_request;
using holdfast::make_dial_gate;

// Credentials.
using holdfast::credential_provider;
using holdfast::credential_request;
using holdfast::credentials;
using holdfast::permanent_failure;
using holdfast::token_source;
using holdfast::token_source_options;

// One request of HTTP, on the same way.
using holdfast::http_fetch;
using holdfast::http_request;
using holdfast::http_response;

// A protocol of one's own.
using holdfast::end_verdict;
using holdfast::login_result;
using holdfast::outgoing_message;
using holdfast::protocol;
using holdfast::protocol_factory;
using holdfast::protocol_failure;
using holdfast::protocol_link;
using holdfast::session_end;
using holdfast::session_facts;

// A network of one's own.
using holdfast::byte_stream;
using holdfast::network;
using holdfast::peer_address;
using holdfast::readiness;
using holdfast::real_network;
using holdfast::transport;

// Time.
using holdfast::clock;
using holdfast::time_source;
using holdfast::timer;

// Errors.
using holdfast::condition;
using holdfast::condition_category;
using holdfast::error;
using holdfast::error_category;
using holdfast::error_code;
using holdfast::make_error_code;
using holdfast::make_error_condition;
using holdfast::option_error;
using holdfast::result;
using holdfast::operator==;

// As text.
using holdfast::describe;
using holdfast::to_string;

}  // namespace holdfast
