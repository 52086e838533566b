// A client under test: connects when it is made, does its work in a single-threaded io_context, closes when
// it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace bench {

class client {
 public:
  virtual ~client() = default;
  // `count` messages there and back, `in_flight` of them under way at a time.
  virtual void echo(std::size_t count, std::size_t in_flight, std::size_t payload_bytes) = 0;
  virtual void receive(std::size_t count) = 0;
  virtual void send(std::size_t count, std::size_t payload_bytes) = 0;
  // `count` sessions, one after the other; the server drops each.
  virtual void redial(std::size_t count) = 0;
};

std::unique_ptr<client> make_holdfast_client(std::uint16_t port, const std::string& path);
// The same with one receive() per message instead of batches.
std::unique_ptr<client> make_holdfast_single_client(std::uint16_t port, const std::string& path);
// wss://, trusting `authority_pem`.
std::unique_ptr<client> make_holdfast_tls_client(const std::string& url, const std::string& authority_pem,
                                                 bool resume_sessions);
// Beast as its documentation shows it: awaitables on any_io_executor.
std::unique_ptr<client> make_beast_client(std::uint16_t port, const std::string& path);

}  // namespace bench
