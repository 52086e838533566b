// How many sessions a second holdfast opens over wss://, and what it is worth that a reconnect continues
// the TLS session before. The server is that of holdfast.testing, in a thread of its own; it drops each
// session.
#pragma once

#include <memory>

namespace bench {

class tls_server {
 public:
  tls_server();
  ~tls_server();
  tls_server(const tls_server&) = delete;
  tls_server& operator=(const tls_server&) = delete;

  // "wss_dial/full" and "wss_dial/resumed"; "tls_context/alone" and "tls_context/shared".
  void register_dials() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace bench
