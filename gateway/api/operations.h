// The REST API as a table: each row a route and the RPC behind it. The OpenAPI document is held against it by a test.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "gateway/http/message.h"

namespace bourse::gateway {

enum class Rendering {
  json,      // the reply
  bundle,    // InviteCenterReply's text, which is JSON already
  document,  // Document's bytes under its media type
  file,      // JobFilePiece's bytes; the whole file, or the part that a Range header asks for
  log,       // LogReply's bytes, the rest in X-Log-… headers
  stream,    // pieces as they come
};

struct PathField {
  std::string_view name, field;  // {id} → job
};

struct QueryField {
  std::string_view name;   // also the message's field
  std::int64_t least = 0;  // of numbers
  std::int64_t most = 0;   // 0: it is text
  bool required = false;
};

struct Operation {
  http::Method method;
  std::string_view pattern;
  std::string_view rpc;
  int status = 200;  // of success; 202 in its place where the reply says that it waits for a second person
  std::vector<PathField> path = {};
  std::vector<QueryField> query = {};
  std::vector<std::string_view> body = {};  // the fields that may come; none: there is no body
  bool body_optional = false;               // it may be left out whole
  std::string_view raw_body = {};           // instead of JSON: the field that takes the body's bytes as they are
  Rendering rendering = Rendering::json;
  Duration deadline = seconds(10);
  std::size_t body_bytes = 64 * 1024;
  bool guesses = false;  // it takes a secret: few tries a person, beside the limit of all requests
};

std::span<const Operation> operations();
// Parts of them.
std::vector<Operation> operations_of_finance();
std::vector<Operation> operations_on_files();

}  // namespace bourse::gateway
