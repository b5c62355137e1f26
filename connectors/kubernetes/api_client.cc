#include "connectors/kubernetes/api_client.h"

#include <boost/beast/http.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "connectors/kubernetes/api_link.h"

namespace bourse::kubernetes {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kChunk = 64 << 10;
constexpr std::uint32_t kMaxHeader = 64 << 10;

using Request = http::request<http::string_body>;
using Parser = http::response_parser<http::buffer_body>;

http::verb verb_of(Method method) {
  switch (method) {
    case Method::get: return http::verb::get;
    case Method::post: return http::verb::post;
    case Method::patch: return http::verb::patch;
    case Method::remove: return http::verb::delete_;
  }
  return http::verb::get;
}

bool fits_header(std::string_view text) {
  return !text.empty() && text.size() <= 32'768 && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Reads the body of a header that has come, up to `most`. False: it is not whole.
struct Piece {
  std::array<char, kChunk> bytes;
};

// Reads one piece more; returns how many bytes it has. A full piece is no error.
std::size_t taken(Parser& parser, ErrorOf& error) {
  if (error == http::error::need_buffer) error = {};
  return kChunk - parser.get().body().size;
}

class BeastWatch final : public Watch {
 public:
  BeastWatch(std::unique_ptr<ApiLink> link, std::unique_ptr<Parser> parser, std::size_t most)
      : link_(std::move(link)), parser_(std::move(parser)), most_(most) {
    read_on();
  }
  ~BeastWatch() override {
    link_->close();
    link_->turn();
  }

  std::optional<std::string> next() override {
    if (const auto line = take()) return line;
    link_->turn();
    if (!reading_ && state_ == State::open) read_on(), link_->turn();
    return take();
  }
  // What has come is given out before the end is told.
  State state() const override { return text_.find('\n', at_) != std::string::npos ? State::open : state_; }
  int status() const override { return static_cast<int>(parser_->get().result_int()); }

 private:
  std::optional<std::string> take() {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string::npos) {
      text_.erase(0, at_);
      at_ = 0;
      if (text_.size() > most_) state_ = State::broken, link_->close();
      return std::nullopt;
    }
    std::string line = text_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  void read_on() {
    if (parser_->is_done()) {
      state_ = State::ended;
      return;
    }
    if (text_.size() - at_ > most_) return;  // read on when that is taken
    reading_ = true;
    parser_->get().body().data = piece_.bytes.data();
    parser_->get().body().size = piece_.bytes.size();
    link_->with([this](auto& stream) {
      http::async_read_some(stream, link_->buffer(), *parser_, [this](ErrorOf error, std::size_t) { came(error); });
    });
  }

  void came(ErrorOf error) {
    reading_ = false;
    text_.append(piece_.bytes.data(), taken(*parser_, error));
    if (error == http::error::end_of_stream) state_ = State::ended;
    else if (error) state_ = parser_->is_done() ? State::ended : State::broken;
    else read_on();
  }

  const std::unique_ptr<ApiLink> link_;
  const std::unique_ptr<Parser> parser_;
  const std::size_t most_;
  Piece piece_;
  std::string text_;
  std::size_t at_ = 0;
  bool reading_ = false;
  State state_ = State::open;
};

class BeastClient final : public ApiClient {
 public:
  BeastClient(Access access, ClientLimits limits, const Clock& clock) : access_(std::move(access)), limits_(limits), clock_(clock) {}

  Status prepare() {
    if (!access_.tls) return {};
    ErrorOf error;
    const auto checked = [&](const char* what) -> Status {
      if (!error) return {};
      return fail(ErrorCode::invalid_argument, std::string("kubernetes: ") + what + " can't be read: " + error.message());
    };
    tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                         asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
    tls_.set_verify_mode(asio::ssl::verify_peer, error);
    if (access_.ca_pem.empty()) tls_.set_default_verify_paths(error);
    else tls_.add_certificate_authority(asio::buffer(access_.ca_pem), error);
    CHECK_OK(checked("the authority's certificate"));
    if (access_.certificate_pem.empty()) return {};
    tls_.use_certificate_chain(asio::buffer(access_.certificate_pem), error);
    CHECK_OK(checked("the client certificate"));
    tls_.use_private_key(asio::buffer(access_.key_pem), asio::ssl::context::pem, error);
    return checked("the client key");
  }

  void begin(Duration all) override { until_ = clock_.monotonic() + all; }

  Answer call(Method method, const std::string& target, const std::string& body, std::size_t most_bytes) override {
    Answer answer;
    const auto request = make(method, target, body, answer);
    if (!request) return answer;
    const bool reused = link_ && link_->idle();
    answer = exchange(*request, most_bytes);
    // A connection that died while nobody used it: a question may be put again.
    if (reused && answer.status == 0 && method == Method::get && clock_.monotonic() < deadline()) {
      link_.reset();
      answer = exchange(*request, most_bytes);
    }
    return answer;
  }

  std::unique_ptr<Watch> watch(const std::string& target, Answer& refused) override {
    refused = {};
    const auto request = make(Method::get, target, {}, refused);
    if (!request) return nullptr;
    auto link = std::make_unique<ApiLink>(access_, access_.tls ? &tls_ : nullptr, clock_);
    auto parser = new_parser();
    if (!ask(*link, *request, *parser, deadline(), refused)) return nullptr;
    refused.status = static_cast<int>(parser->get().result_int());
    if (refused.status == 200) return std::make_unique<BeastWatch>(std::move(link), std::move(parser), limits_.watch_line_bytes);
    read_body(*link, *parser, deadline(), limits_.watch_line_bytes, true, refused);
    return nullptr;
  }

 private:
  Duration deadline() const { return std::min(until_, clock_.monotonic() + limits_.call); }

  static std::unique_ptr<Parser> new_parser() {
    auto parser = std::make_unique<Parser>();
    parser->header_limit(kMaxHeader);
    parser->body_limit(boost::none);  // counted by us
    return parser;
  }

  // The file is read again only when it has changed: kubelets renew tokens by replacing it.
  Status refresh_token() {
    if (access_.token_file.empty()) return {};
    struct stat info{};
    if (::stat(access_.token_file.c_str(), &info) != 0) return fail(ErrorCode::unavailable, access_.token_file + ": the token file can't be read");
    const auto stamp = std::pair{static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec, static_cast<std::uint64_t>(info.st_ino)};
    if (stamp == token_stamp_ && !access_.token.empty()) return {};
    TRY(access_.token, read_linked_file(access_.token_file));
    while (access_.token.ends_with('\n') || access_.token.ends_with('\r') || access_.token.ends_with(' ')) access_.token.pop_back();
    token_stamp_ = stamp;
    return {};
  }

  std::optional<Request> make(Method method, const std::string& target, const std::string& body, Answer& answer) {
    if (const Status fresh = refresh_token(); !fresh) return answer.problem = fresh.error().detail, std::nullopt;
    if (!access_.token.empty() && !fits_header(access_.token)) return answer.problem = "the token has characters that no token has", std::nullopt;
    Request request(verb_of(method), access_.prefix + target, 11);
    const bool v6 = access_.host.contains(':');
    request.set(http::field::host, (v6 ? "[" + access_.host + "]" : access_.host) + ":" + access_.port);
    request.set(http::field::user_agent, "bourse-connector");
    request.set(http::field::accept, "application/json, */*");
    if (!access_.token.empty()) request.set(http::field::authorization, "Bearer " + access_.token);
    if (!body.empty()) request.set(http::field::content_type, method == Method::patch ? "application/merge-patch+json" : "application/json");
    request.body() = body;
    request.prepare_payload();
    return request;
  }

  // Writes the request and reads the answer's header.
  static bool ask(ApiLink& link, const Request& request, Parser& parser, Duration until, Answer& answer) {
    if (!link.idle()) answer.problem = link.connect(until);
    if (!answer.problem.empty()) return false;
    answer.sent = true;
    ErrorOf error = link.wait(until, [&](auto handler) {
      link.with([&](auto& stream) { http::async_write(stream, request, handler); });
    });
    if (!error)
      error = link.wait(until, [&](auto handler) {
        link.with([&](auto& stream) { http::async_read_header(stream, link.buffer(), parser, handler); });
      });
    if (!error) return true;
    answer.problem = error == asio::error::timed_out ? "no answer in time" : error.message();
    return false;
  }

  static void read_body(ApiLink& link, Parser& parser, Duration until, std::size_t most, bool cut, Answer& answer) {
    const auto piece = std::make_unique<Piece>();
    while (!parser.is_done()) {
      parser.get().body().data = piece->bytes.data();
      parser.get().body().size = piece->bytes.size();
      ErrorOf error = link.wait(until, [&](auto handler) {
        link.with([&](auto& stream) { http::async_read_some(stream, link.buffer(), parser, handler); });
      });
      answer.body.append(piece->bytes.data(), taken(parser, error));
      if (answer.body.size() > most) {
        answer.whole = false;
        link.close();
        if (cut) answer.body.resize(most);
        else answer.status = 0, answer.body.clear(), answer.problem = "the answer is larger than " + std::to_string(most) + " bytes";
        return;
      }
      if (!error) continue;
      answer.status = 0;
      answer.body.clear();
      answer.problem = error == asio::error::timed_out ? "the answer took too long" : "the answer broke off: " + error.message();
      link.close();
      return;
    }
  }

  Answer exchange(const Request& request, std::size_t most_bytes) {
    Answer answer;
    const Duration until = deadline();
    if (until <= clock_.monotonic()) return answer.problem = "no time was left to ask", answer;
    if (!link_) link_ = std::make_unique<ApiLink>(access_, access_.tls ? &tls_ : nullptr, clock_);
    const auto parser = new_parser();
    if (!ask(*link_, request, *parser, until, answer)) return link_.reset(), answer;
    answer.status = static_cast<int>(parser->get().result_int());
    read_body(*link_, *parser, until, most_bytes > 0 ? most_bytes : limits_.answer_bytes, most_bytes > 0, answer);
    if (!parser->is_done() || !parser->keep_alive()) link_.reset();
    return answer;
  }

  Access access_;
  const ClientLimits limits_;
  const Clock& clock_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  Duration until_;
  std::pair<std::int64_t, std::uint64_t> token_stamp_;
  std::unique_ptr<ApiLink> link_;
};

}  // namespace

Result<std::unique_ptr<ApiClient>> ApiClient::open(Access access, ClientLimits limits, const Clock& clock) {
  auto client = std::make_unique<BeastClient>(std::move(access), limits, clock);
  CHECK_OK(client->prepare());
  return client;
}

}  // namespace bourse::kubernetes
