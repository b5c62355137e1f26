// The few pages that a gateway shows itself: plain HTML without scripts, under a policy that allows none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gateway/http/message.h"
#include "gateway/sso/people.h"

namespace bourse::sso {

struct Choice {
  std::string label;  // "Demo University"
  std::string link;   // a path of ours
};

http::Response landing_page(std::string_view sign_in_link);
http::Response signed_in_page(const Principal& principal);
http::Response chooser_page(const std::vector<Choice>& choices);
// `request` is a one-time secret; `destination` the loopback origin that the form's answer is redirected to.
http::Response consent_page(const Principal& principal, std::string_view request, std::string_view destination);
http::Response error_page(const Error& error, std::string_view request_id);

http::Response see_other(std::string location);

// Text for an element or a double-quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace bourse::sso
