#include "cli/client/client.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <optional>

#include "base/assert.h"
#include "base/hex.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr long kConnectTimeoutMs = 10'000;
constexpr long kReplyTimeoutMs = 90'000;
constexpr std::size_t kLargestReply = 64 << 20;
constexpr int kTries = 3;
constexpr int kLongestPauseMs = 5'000;

std::size_t append_body(char* data, std::size_t, std::size_t size, void* out) {
  auto& body = *static_cast<std::string*>(out);
  if (body.size() + size > kLargestReply) return 0;
  body.append(data, size);
  return size;
}

struct Download {
  CURL* curl;
  const std::function<bool(std::string_view)>& sink;
  std::string& refusal;  // what comes instead of what was asked for
};

std::size_t pass_on(char* data, std::size_t one, std::size_t size, void* out) {
  const auto& download = *static_cast<const Download*>(out);
  long status = 0;
  curl_easy_getinfo(download.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) return append_body(data, one, size, &download.refusal);
  return download.sink({data, size}) ? size : 0;
}

std::size_t append_header(char* data, std::size_t, std::size_t size, void* out) {
  auto& headers = *static_cast<std::vector<std::pair<std::string, std::string>>*>(out);
  const std::string_view line(data, size);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || headers.size() > 100) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front())) != 0) value.remove_prefix(1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())) != 0) value.remove_suffix(1);
  headers.emplace_back(std::move(name), value);
  return size;
}

// A refusal as the gateway words it (RFC 9457); anything else that isn't 2xx comes from something in between.
Error problem_of(const Reply& reply) {
  const json body = json::parse(reply.body, nullptr, false);
  if (body.is_object() && body.contains("code") && body["code"].is_string()) {
    if (const auto code = error_code_named(body["code"].get<std::string>()))
      return {*code, body.value("detail", std::string())};
  }
  const bool ours = reply.status >= 400 && reply.status < 500;
  return {ours ? ErrorCode::invalid_argument : ErrorCode::unavailable,
          "HTTP status " + std::to_string(reply.status) + " without an explanation"};
}

Result<json> parsed(const Result<Reply>& reply) {
  if (!reply) return std::unexpected(reply.error());
  if (reply->body.empty()) return json::object();
  json body = json::parse(reply->body, nullptr, false);
  if (body.is_discarded()) return fail(ErrorCode::unavailable, "the answer is not JSON");
  return body;
}

}  // namespace

struct Client::Curl {
  CURL* handle = curl_easy_init();
  ~Curl() { curl_easy_cleanup(handle); }
};

struct Client::Request {
  const char* method = "GET";
  std::string path;
  std::string body;
  const char* media_type = nullptr;
  std::string key;
  bool authorized = true;
  const std::function<bool(std::string_view)>* sink = nullptr;
  std::string range;  // "bytes=…"
};

std::string Reply::header(const std::string& lower_case_name) const {
  const auto found = std::ranges::find(headers, lower_case_name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string() : found->second;
}

Client::Client(Endpoint endpoint, Rng& rng) : endpoint_(std::move(endpoint)), rng_(rng), curl_(std::make_unique<Curl>()) {
  BOURSE_ASSERT(curl_->handle != nullptr);
}

Client::~Client() = default;

Result<Reply> Client::perform(const Request& request) {
  CURL* curl = curl_->handle;
  curl_easy_reset(curl);
  Reply reply;
  std::array<char, CURL_ERROR_SIZE> problem{};
  const std::string url = endpoint_.url + request.path;
  curl_slist* headers = nullptr;
  const auto add = [&](const std::string& line) { headers = curl_slist_append(headers, line.c_str()); };
  add("Accept: application/json");
  add("Expect:");
  if (request.authorized && !endpoint_.token.empty()) add("Authorization: Bearer " + endpoint_.token);
  if (!request.range.empty()) add("Range: " + request.range);
  if (!request.key.empty()) add("Idempotency-Key: " + request.key);
  if (request.media_type != nullptr) add(std::string("Content-Type: ") + request.media_type);

  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);  // an id of ".." is refused there, and asks for nothing else
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method);
  if (request.media_type != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request.sink != nullptr ? 0L : kReplyTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kReplyTimeoutMs / 1000);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem.data());
  if (!endpoint_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint_.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply.headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, request.sink != nullptr ? pass_on : append_body);
  std::optional<Download> download;
  if (request.sink != nullptr) download.emplace(curl, *request.sink, reply.body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, download ? static_cast<void*>(&*download) : &reply.body);

  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  if (code == CURLE_OPERATION_TIMEDOUT) return fail(ErrorCode::timeout, url);
  if (code != CURLE_OK)
    return fail(ErrorCode::unavailable, url + ": " + (problem[0] != '\0' ? problem.data() : curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  if (reply.status < 200 || reply.status > 299) return std::unexpected(problem_of(reply));
  return reply;
}

Result<Reply> Client::perform_with_retries(const Request& request) {
  for (int attempt = 1;; ++attempt) {
    Result<Reply> reply = perform(request);
    if (reply || attempt == kTries || reply.error().outcome() == Outcome::rejected) return reply;
    // Anything but a clear refusal may be repeated: reads change nothing, and changes carry a key.
    const int pause_ms = std::min(kLongestPauseMs, 200 << attempt) + static_cast<int>(rng_.below(200));
    poll(nullptr, 0, pause_ms);
  }
}

Result<json> Client::get(const std::string& path) { return parsed(get_raw(path)); }

Result<Reply> Client::get_raw(const std::string& path) {
  Request request;
  request.path = path;
  return perform_with_retries(request);
}

Result<Reply> Client::get_part(const std::string& path, std::int64_t first) {
  Request request;
  request.path = path;
  request.range = "bytes=" + std::to_string(first) + "-";
  return perform_with_retries(request);
}

Result<json> Client::change(const char* method, const std::string& path, std::string body, const char* media_type, std::string key) {
  Request request;
  request.method = method;
  request.path = path;
  request.body = std::move(body);
  request.media_type = media_type;
  request.key = key.empty() ? random_hex(rng_, 16) : std::move(key);
  Result<Reply> reply = perform_with_retries(request);
  // Whoever is to repeat it with the same key must know the key.
  if (!reply && reply.error().outcome() == Outcome::unknown)
    reply.error().detail += (reply.error().detail.empty() ? "" : "; ") + std::string("idempotency key ") + request.key;
  return parsed(reply);
}

Result<json> Client::post(const std::string& path, const json& body, std::string key) {
  return change("POST", path, body.dump(-1, ' ', false, json::error_handler_t::replace), "application/json", std::move(key));
}

Result<json> Client::put(const std::string& path, const json& body, std::string key) {
  return change("PUT", path, body.dump(-1, ' ', false, json::error_handler_t::replace), "application/json", std::move(key));
}

Result<json> Client::post_file(const std::string& path, const std::string& bytes, const char* media_type, std::string key) {
  return change("POST", path, bytes, media_type, std::move(key));
}

Result<json> Client::post_form(const std::string& path, const std::vector<std::pair<std::string, std::string>>& fields) {
  Request request;
  request.method = "POST";
  request.path = path;
  for (const auto& [name, value] : fields)
    request.body += (request.body.empty() ? "" : "&") + url_encoded(name) + "=" + url_encoded(value);
  request.media_type = "application/x-www-form-urlencoded";
  request.authorized = false;
  return parsed(perform(request));
}

Status Client::download(const std::string& path, const std::function<bool(std::string_view)>& sink) {
  Request request;
  request.path = path;
  request.sink = &sink;
  const auto reply = perform(request);
  if (!reply) return std::unexpected(reply.error());
  return {};
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string random_hex(Rng& rng, std::size_t bytes) {
  std::vector<std::uint8_t> random(bytes);
  rng.fill(std::as_writable_bytes(std::span(random)));
  return to_hex(random);
}

}  // namespace bourse::cli
