// A client under test: connects when it is made, does its work in a single-threaded io_context, closes when
// it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// By which part of its interface holdfast does the work.
enum class way {
  awaited,  // one coroutine that awaits each send() and each receive(), as the README shows it
  batches,  // receive_batch(), and sends of which only every so many is awaited
  handler,  // a message handler
};

// What a client connects to.
struct target {
  std::uint16_t port = 0;
  std::string path{};
  bool text = false;            // what the client sends
  std::string authority_pem{};  // whom to trust for wss://; empty: ws://
  bool compressed = false;      // permessage-deflate, as each library sets it up by itself
};

// What a client sends: the same bytes each time, or for compression a conversation, which is made once.
class payloads {
 public:
  payloads(std::size_t bytes, bool compressed);
  [[nodiscard]] const std::string& operator[](std::size_t index) const {
    return conversation_ == nullptr ? fixed_ : (*conversation_)[index % conversation_->size()];
  }

 private:
  std::string fixed_;
  const std::vector<std::string>* conversation_ = nullptr;
};

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

std::unique_ptr<client> make_holdfast_client(const target& to, way by);
// wss://, trusting `authority_pem`, for redial().
std::unique_ptr<client> make_holdfast_tls_client(const std::string& url, const std::string& authority_pem,
                                                 bool resume_sessions);
// Beast as its documentation shows it: awaitables on any_io_executor.
std::unique_ptr<client> make_beast_client(const target& to);

}  // namespace bench
