// What is compared, by which clients, and by how much holdfast is meant to be ahead.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clients.hpp"
#include "server.hpp"

namespace bench {

struct contender {
  std::string name;  // "beast", or a way of holdfast: "co_await", "batch", "handler"
  double bar = 0;    // at least this many times the rate of raw Beast; 0: no aim, or Beast itself
  std::function<std::unique_ptr<client>(const target&)> make;
};

struct workload {
  std::string name;
  bool secure = false;  // over wss://
  job behind;           // what the server does
  std::size_t count = 0;
  std::function<void(client&, std::size_t count)> run;
  std::vector<contender> clients;  // Beast first
};

const std::vector<workload>& workloads();

// The servers of all workloads, each in threads of its own.
class servers {
 public:
  servers();
  ~servers();
  servers(const servers&) = delete;
  servers& operator=(const servers&) = delete;

  // Where a client of this workload connects to.
  [[nodiscard]] target of(const workload& one) const;
  [[nodiscard]] double compressed_bytes() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

// Registers every workload for every client; the names are "workload/client".
void register_workloads(const servers& against);

}  // namespace bench
