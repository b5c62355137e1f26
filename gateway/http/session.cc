#include "gateway/http/session.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/id.h"
#include "gateway/http/header_block.h"
#include "gateway/http/problem.h"

namespace bourse::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using ErrorOf = boost::system::error_code;

namespace {

constexpr auto kQuiet = [](ErrorOf& error) { return asio::redirect_error(asio::use_awaitable, error); };

std::chrono::milliseconds span(Duration d) {
  return std::chrono::milliseconds(d.ms);
}

Method method_of(wire::verb verb) {
  switch (verb) {
    case wire::verb::get:
      return Method::get;
    case wire::verb::head:
      return Method::head;
    case wire::verb::post:
      return Method::post;
    case wire::verb::put:
      return Method::put;
    case wire::verb::delete_:
      return Method::del;
    default:
      return Method::other;
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// Takes a share of the memory for bodies, and gives it back.
class Share {
 public:
  Share(std::atomic<std::size_t>& taken, std::size_t bytes, std::size_t most) : taken_(taken), bytes_(bytes) {
    ok_ = taken_.fetch_add(bytes_) + bytes_ <= most;
  }
  ~Share() { taken_.fetch_sub(bytes_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  bool ok() const { return ok_; }

 private:
  std::atomic<std::size_t>& taken_;
  std::size_t bytes_;
  bool ok_ = false;
};

// What goes with every answer unless the handler said otherwise.
void add_security_headers(Headers& headers) {
  static constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
      {"cache-control", "no-store"},
      {"content-security-policy", "default-src 'none'; frame-ancestors 'none'"},
      {"cross-origin-resource-policy", "same-origin"},
      {"referrer-policy", "no-referrer"},
      {"x-content-type-options", "nosniff"},
      {"x-frame-options", "DENY"},
  };
  for (const auto& [name, value] : kDefaults)
    if (headers.count(name) == 0) headers.add(std::string(name), std::string(value));
}

}  // namespace

class Session {
 public:
  Session(Local::socket socket, Shared& shared, Open& open)
      : stream_(std::move(socket)), buffer_(64 * 1024), shared_(shared), limits_(shared.options.limits), open_(open) {
    open_.sessions.insert(this);
  }
  ~Session() { open_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<void> run();
  Task<void> turn_away();
  void close_if(bool even_busy) {
    if (even_busy || !busy_) stream_.close();
  }

 private:
  using Parser = wire::request_parser<wire::string_body>;

  enum class Arrival { complete, refused, gone };
  Task<Arrival> read_header();
  Task<bool> serve_one();  // false: the connection ends
  Task<Response> answer(Parser& parser, Request request);
  Task<Result<void>> read_body(Parser& parser, const Route& route);
  Task<Response> handle(const Route& route, Request request);
  Task<bool> send(Response response, bool head, bool keep);
  Task<bool> send_stream(std::unique_ptr<BodyStream> body, wire::response<wire::empty_body> header, bool head);
  Task<void> refuse(Error error, int status = 0);
  Task<void> linger();
  void start_request();
  void log(Method method, std::string_view path, int status);

  std::string_view arrived() const {
    const auto data = buffer_.data();
    return {static_cast<const char*>(data.data()), data.size()};
  }

  beast::basic_stream<Local> stream_;
  beast::flat_buffer buffer_;
  Shared& shared_;
  const Limits& limits_;
  Open& open_;
  bool busy_ = false;
  bool body_unread_ = false;  // of the present request: then the connection can't go on
  std::string request_id_;
  Duration started_;
  std::uint64_t sent_bytes_ = 0;
};

void Session::start_request() {
  busy_ = true;
  body_unread_ = false;
  sent_bytes_ = 0;
  started_ = shared_.clock.monotonic();
  request_id_ = "req_" + to_crockford(make_uuid_v7(shared_.clock.now(), shared_.rng));
}

void Session::log(Method method, std::string_view path, int status) {
  if (!shared_.options.served) return;
  shared_.options.served(
      {request_id_, method, path, status, sent_bytes_, Duration{shared_.clock.monotonic().ms - started_.ms}});
}

Task<Session::Arrival> Session::read_header() {
  busy_ = arrived().size() > 0;
  if (shared_.stopping && !busy_) co_return Arrival::gone;
  stream_.expires_after(span(busy_ ? limits_.header : limits_.idle));
  std::size_t seen = 0;
  for (;;) {
    if (!busy_ && arrived().size() > 0) {
      busy_ = true;
      stream_.expires_after(span(limits_.header));
    }
    if (busy_ && seen == 0) start_request();
    const auto length = header_length(arrived(), seen);
    const std::string_view header =
        arrived().substr(0, std::min(length.value_or(arrived().size()), limits_.header_bytes));
    if (auto form = check_header(header, limits_.header_count); !form) {
      const int status = form.error().code == ErrorCode::too_large ? 431 : 0;
      co_await refuse(std::move(form.error()), status);
      co_return Arrival::refused;
    }
    if (length.value_or(arrived().size()) > limits_.header_bytes) {
      co_await refuse({ErrorCode::too_large, "the header is over " + std::to_string(limits_.header_bytes) + " bytes"},
                      431);
      co_return Arrival::refused;
    }
    if (length) co_return Arrival::complete;
    seen = arrived().size();
    ErrorOf error;
    const std::size_t got = co_await stream_.async_read_some(buffer_.prepare(4096), kQuiet(error));
    if (error) co_return Arrival::gone;
    buffer_.commit(got);
  }
}

Task<Result<void>> Session::read_body(Parser& parser, const Route& route) {
  if (parser.get().method() == wire::verb::get || parser.get().method() == wire::verb::head)
    co_return fail(ErrorCode::invalid_argument, "a GET has no body");
  if (const auto coding = parser.get().find(wire::field::content_encoding);
      coding != parser.get().end() && coding->value() != "identity")
    co_return fail(ErrorCode::unsupported_media_type, "the body is compressed; send it as it is");
  if (parser.content_length().value_or(0) > route.body_bytes)
    co_return fail(ErrorCode::too_large, "the body is over " + std::to_string(route.body_bytes) + " bytes");
  parser.body_limit(route.body_bytes);
  stream_.expires_after(span(limits_.body));
  ErrorOf error;
  if (const auto expect = parser.get().find(wire::field::expect); expect != parser.get().end()) {
    if (lower(expect->value()) != "100-continue")
      co_return fail(ErrorCode::invalid_argument, "the Expect field is not understood");
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(kContinue), kQuiet(error));
  }
  if (!error) co_await wire::async_read(stream_, buffer_, parser, kQuiet(error));
  if (error == wire::error::body_limit)
    co_return fail(ErrorCode::too_large, "the body is over " + std::to_string(route.body_bytes) + " bytes");
  if (error) co_return fail(ErrorCode::invalid_argument, "the body can't be read: " + error.message());
  co_return Result<void>{};
}

Task<Response> Session::handle(const Route& route, Request request) {
  try {
    co_return co_await route.handler(std::move(request));
  } catch (const std::exception& fault) {
    if (shared_.options.fault) shared_.options.fault(std::string(request_id_).append(": ").append(fault.what()));
  }
  co_return problem({ErrorCode::internal, {}}, request_id_);
}

Task<Response> Session::answer(Parser& parser, Request request) {
  const auto& header = parser.get();
  body_unread_ = !parser.is_done();
  auto target = parse_target(header.target(), limits_.target_bytes, limits_.query_parameters);
  if (!target) {
    const int status = target.error().code == ErrorCode::too_large ? 414 : 0;
    co_return problem(target.error(), request_id_, status);
  }
  if (header.version() == 11 && header.count(wire::field::host) == 0)
    co_return problem({ErrorCode::invalid_argument, "there is no Host field"}, request_id_);
  if (header.version() < 11 && header.count(wire::field::transfer_encoding) > 0)  // RFC 9112, 6.1: faulty framing
    co_return problem({ErrorCode::invalid_argument, "HTTP/1.0 has no Transfer-Encoding"}, request_id_);
  Match match = shared_.router.match(request.method, *target);
  if (match.route == nullptr && match.allow.empty())
    co_return problem({ErrorCode::not_found, "there is nothing at this path"}, request_id_);
  if (match.route == nullptr) {
    Response out = problem({ErrorCode::method_not_allowed, "this path takes " + match.allow}, request_id_);
    out.headers.set("allow", match.allow);
    co_return out;
  }
  const std::size_t claim =
      body_unread_
          ? std::min<std::uint64_t>(parser.content_length().value_or(match.route->body_bytes), match.route->body_bytes)
          : 0;
  // Before the body: the parser puts a chunked body's trailers among the fields, and nobody has checked those.
  for (const auto& field : header) request.headers.add(lower(field.name_string()), std::string(field.value()));
  const Share share(shared_.body_bytes, claim, limits_.bodies_in_flight_bytes);
  if (!share.ok()) co_return problem({ErrorCode::overloaded, "too many large requests are under way"}, request_id_);
  if (body_unread_) {
    if (auto read = co_await read_body(parser, *match.route); !read) co_return problem(read.error(), request_id_);
    body_unread_ = false;
  }
  request.path = std::move(target->path);
  request.path_values = std::move(match.values);
  request.query = std::move(target->query);
  request.body = std::move(parser.get().body());
  request.request_id = request_id_;
  stream_.expires_never();  // the handler has deadlines of its own
  co_return co_await handle(*match.route, std::move(request));
}

Task<bool> Session::serve_one() {
  const Arrival arrival = co_await read_header();
  if (arrival != Arrival::complete) co_return false;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes + 1024));
  parser.body_limit(boost::none);  // set once the route is known
  ErrorOf error;
  const std::size_t used = parser.put(asio::buffer(buffer_.data(), header_length(arrived()).value()), error);
  if (error || !parser.is_header_done()) {
    co_await refuse({ErrorCode::invalid_argument, "the request can't be read: " + error.message()});
    co_return false;
  }
  buffer_.consume(used);
  Request request;
  request.method = method_of(parser.get().method());
  const Method method = request.method;
  const std::string target(parser.get().target());
  const bool wants_more = parser.keep_alive();
  Response response = co_await answer(parser, std::move(request));
  const int status = response.status;
  const bool keep = wants_more && !body_unread_ && !shared_.stopping;
  const bool sent = co_await send(std::move(response), method == Method::head, keep);
  log(method, std::string_view(target).substr(0, target.find('?')), status);
  if (sent && !keep && (body_unread_ || !arrived().empty())) co_await linger();
  co_return sent&& keep;
}

Task<bool> Session::send_stream(std::unique_ptr<BodyStream> body, wire::response<wire::empty_body> header, bool head) {
  header.chunked(true);
  wire::response_serializer<wire::empty_body> serializer(header);
  ErrorOf error;
  stream_.expires_after(span(limits_.write));
  co_await wire::async_write_header(stream_, serializer, kQuiet(error));
  while (!error && !head) {
    auto piece = co_await body->next();
    if (!piece) co_return false;  // without the last chunk
    stream_.expires_after(span(limits_.write));
    if (!*piece) {
      co_await asio::async_write(stream_, wire::make_chunk_last(), kQuiet(error));
      break;
    }
    if ((*piece)->empty()) continue;
    sent_bytes_ += (*piece)->size();
    co_await asio::async_write(stream_, wire::make_chunk(asio::buffer(**piece)), kQuiet(error));
  }
  co_return !error;
}

Task<bool> Session::send(Response response, bool head, bool keep) {
  add_security_headers(response.headers);
  response.headers.set("x-request-id", request_id_);
  const auto fill = [&](auto& message) {
    message.version(11);
    message.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    message.keep_alive(keep);
  };
  if (response.stream) {
    wire::response<wire::empty_body> header;
    fill(header);
    co_return co_await send_stream(std::move(response.stream), std::move(header), head);
  }
  wire::response<wire::string_body> message;
  fill(message);
  message.body() = std::move(response.body);
  message.content_length(message.body().size());
  if (response.status == 204 || response.status == 304) message.erase(wire::field::content_length);
  wire::response_serializer<wire::string_body> serializer(message);
  serializer.split(head);
  ErrorOf error;
  stream_.expires_after(span(limits_.write));
  if (head) {
    co_await wire::async_write_header(stream_, serializer, kQuiet(error));
  } else {
    sent_bytes_ = message.body().size();
    co_await wire::async_write(stream_, serializer, kQuiet(error));
  }
  co_return !error;
}

Task<void> Session::refuse(Error error, int status) {
  Response response = problem(error, request_id_, status);
  const int sent_status = response.status;
  const bool sent = co_await send(std::move(response), false, false);
  log(Method::other, "", sent_status);
  if (sent) co_await linger();
}

// Closing with bytes unread would reset the connection and might take our answer with it: say that we are done, and
// read on for a moment.
Task<void> Session::linger() {
  ErrorOf error;
  stream_.socket().shutdown(Local::socket::shutdown_send, error);
  stream_.expires_after(std::chrono::seconds(2));
  buffer_.clear();
  for (std::size_t taken = 0; !error && taken < limits_.body_bytes * 2;) {
    taken += co_await stream_.async_read_some(buffer_.prepare(16 * 1024), kQuiet(error));
  }
}

Task<void> Session::run() {
  while (co_await serve_one()) busy_ = false;
}

Task<void> Session::turn_away() {
  start_request();
  Response response = problem({ErrorCode::overloaded, "too many connections"}, request_id_);
  co_await send(std::move(response), false, false);
}

Task<void> serve(Local::socket socket, Shared& shared, Open& open) {
  Session session(std::move(socket), shared, open);
  co_await session.run();
}

Task<void> turn_away(Local::socket socket, Shared& shared) {
  Open alone;
  Session session(std::move(socket), shared, alone);
  co_await session.turn_away();
}

void close_sessions(Open& open, bool busy_ones_too) {
  for (Session* session : open.sessions) session->close_if(busy_ones_too);
}

}  // namespace bourse::http
