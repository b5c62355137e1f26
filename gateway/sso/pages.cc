#include "gateway/sso/pages.h"

#include "base/sha256.h"
#include "gateway/sso/base64url.h"

namespace bourse::sso {
namespace {

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto 0;max-width:34rem;padding:0 "
    "1.5rem;color:#1a1f29;background:#f7f8fa}"
    "main{background:#fff;border:1px solid #dfe3ea;border-radius:8px;padding:1.5rem 2rem}"
    "h1{font-size:1.35rem;margin:.2rem 0 1rem}ul{list-style:none;padding:0}li{margin:.5rem 0}"
    "a.button,button{display:inline-block;font:inherit;padding:.45rem 1rem;border-radius:6px;border:1px solid "
    "#1d4ed8;background:#1d4ed8;color:#fff;"
    "text-decoration:none;cursor:pointer;margin-right:.5rem}button.plain{background:#fff;color:#1d4ed8}small{color:#"
    "5b6472}";

// Only our own style, by its hash; no scripts, no frames, forms to ourselves and `also`.
std::string policy(std::string_view also) {
  const Hash256 hash = sha256(kStyle);
  std::string out = "default-src 'none'; style-src 'sha256-";
  out.append(to_base64({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()}));
  out.append("'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'");
  if (!also.empty()) out.append(" ").append(also);
  return out;
}

http::Response page(std::string_view title, const std::string& content, int status = 200,
                    std::string_view form_also = {}) {
  http::Response out;
  out.status = status;
  out.headers.add("content-type", "text/html; charset=utf-8");
  out.headers.add("content-security-policy", policy(form_also));
  // Under no-referrer a browser sends "Origin: null" with our own forms.
  out.headers.add("referrer-policy", "same-origin");
  out.body.append(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>");
  out.body.append(escape_html(title))
      .append(" · Bourse</title><style>")
      .append(kStyle)
      .append("</style></head><body><main><h1>");
  out.body.append(escape_html(title)).append("</h1>").append(content).append("</main></body></html>\n");
  return out;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

http::Response landing_page(std::string_view sign_in_link) {
  return page("Bourse",
              "<p>A market for computing: one sign-in, one wallet, many centers.</p><p><a class=\"button\" href=\"" +
                  escape_html(sign_in_link) + "\">Sign in</a></p>");
}

http::Response signed_in_page(const Principal& principal) {
  const std::string roles = principal.roles.empty() ? "none yet; ask your administrator" : join(principal.roles);
  return page(
      "Signed in",
      "<p>You are signed in as <b>" + escape_html(principal.name) + "</b>.</p><p><small>Roles: " + escape_html(roles) +
          "</small></p><form method=\"post\" action=\"/auth/logout\"><button class=\"plain\">Sign out</button></form>");
}

http::Response chooser_page(const std::vector<Choice>& choices) {
  std::string list = "<p>Where do you sign in?</p><ul>";
  for (const Choice& choice : choices)
    list.append("<li><a class=\"button\" href=\"" + escape_html(choice.link) + "\">" + escape_html(choice.label) +
                "</a></li>");
  return page("Sign in", list + "</ul>");
}

http::Response consent_page(const Principal& principal, std::string_view request, std::string_view destination) {
  return page(
      "Let the command line in?",
      "<p>The program <b>bourse</b> on this computer asks to act as <b>" + escape_html(principal.name) +
          "</b> for 12 hours.</p><p><small>Allow it only if you have just run <code>bourse login</code>.</small></p>"
          "<form method=\"post\" action=\"/oauth/authorize\"><input type=\"hidden\" name=\"request\" value=\"" +
          escape_html(request) +
          "\"><button name=\"decision\" value=\"allow\">Allow</button><button class=\"plain\" name=\"decision\" "
          "value=\"deny\">Deny</button></form>",
      200, destination);
}

http::Response error_page(const Error& error, std::string_view request_id) {
  const ErrorInfo& row = info(error.code);
  std::string content = "<p>" + escape_html(row.sentence) + "</p>";
  if (!error.detail.empty()) content.append("<p>" + escape_html(error.detail) + "</p>");
  content.append("<p><a href=\"/\">Start again</a></p><p><small>" + escape_html(request_id) + "</small></p>");
  return page("That did not work", content, row.http_status);
}

http::Response see_other(std::string location) {
  http::Response out;
  out.status = 303;
  out.headers.add("location", std::move(location));
  return out;
}

}  // namespace bourse::sso
