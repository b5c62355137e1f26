#include "gateway/sso/curl_fetcher.h"

#include <curl/curl.h>

#include <memory>
#include <mutex>

namespace bourse::sso {
namespace {

constexpr std::size_t kMostHeaderBytes = 32 * 1024;

struct Arriving {
  std::string body;
  std::size_t header_bytes = 0;
  std::size_t most_bytes = 0;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto* arriving = static_cast<Arriving*>(user);
  if (arriving->body.size() + size * count > arriving->most_bytes) {
    arriving->too_large = true;
    return 0;
  }
  arriving->body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char*, std::size_t size, std::size_t count, void* user) {
  auto* arriving = static_cast<Arriving*>(user);
  arriving->header_bytes += size * count;
  arriving->too_large = arriving->header_bytes > kMostHeaderBytes;
  return arriving->too_large ? 0 : size * count;
}

struct CurlRelease {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

CurlFetcher::CurlFetcher(std::string ca_file) : ca_file_(std::move(ca_file)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

Result<Fetched> CurlFetcher::fetch(const Fetch& request) {
  if (!may_be_fetched(request.url)) return fail(ErrorCode::unavailable, "this URL may not be asked: " + request.url);
  const std::unique_ptr<CURL, CurlRelease> curl(curl_easy_init());
  if (curl == nullptr) return fail(ErrorCode::internal);
  Arriving arriving{.most_bytes = request.most_bytes};
  std::unique_ptr<curl_slist, CurlRelease> headers;
  for (const auto& [name, value] : request.headers)
    headers.reset(curl_slist_append(headers.release(), std::string(name).append(": ").append(value).c_str()));
  CURL* c = curl.get();
  const bool loopback = is_loopback(request.url);
  curl_easy_setopt(c, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, loopback ? "http,https" : "https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.ms));
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &arriving);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &arriving);
  curl_easy_setopt(c, CURLOPT_USERAGENT, "bourse-gateway");
  if (loopback) curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
  if (!ca_file_.empty()) curl_easy_setopt(c, CURLOPT_CAINFO, ca_file_.c_str());
  if (!request.form.empty()) {
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.form.size()));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.form.c_str());
  }
  const CURLcode code = curl_easy_perform(c);
  if (arriving.too_large) return fail(ErrorCode::unavailable, "the identity provider's answer is too large");
  if (code == CURLE_OPERATION_TIMEDOUT) return fail(ErrorCode::timeout, "the identity provider did not answer in time");
  if (code != CURLE_OK)
    return fail(ErrorCode::unavailable,
                std::string("the identity provider can't be reached: ") + curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  return Fetched{static_cast<int>(status), std::move(arriving.body)};
}

}  // namespace bourse::sso
