// What a handler sees of HTTP: a request that has passed every check of form, and the response it gives back.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bourse::http {

template <class T>
using Task = boost::asio::awaitable<T>;

enum class Method { get, head, post, put, del, other };
std::string_view to_text(Method method);

// Header fields in the order they came. Names are lower case.
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);  // in place of all of that name
  // The value of the only field of that name; nothing when there is none or more than one (ask count()).
  std::optional<std::string_view> get(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Names and values that are unique by name.
using Parameters = std::vector<std::pair<std::string, std::string>>;
std::optional<std::string_view> find(const Parameters& parameters, std::string_view name);

struct Request {
  Method method = Method::get;
  std::string path;        // decoded, without the query
  Parameters path_values;  // of the route's {names}
  Parameters query;        // decoded
  Headers headers;
  std::string body;
  std::string request_id;  // "req_…", made here for each request, never taken from the client
};

// A body that is made while it is sent. next() gives a piece, then nothing at the end. An error ends the connection
// without the last chunk, so the reader knows that the body is cut short.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  virtual Task<Result<std::optional<std::string>>> next() = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::unique_ptr<BodyStream> stream;  // instead of body
};

// Runs on the connection's executor. Exceptions become a 500 that tells nothing.
using Handler = std::function<Task<Response>(Request)>;

}  // namespace bourse::http
