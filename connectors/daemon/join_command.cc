#include "connectors/daemon/join_command.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/hex.h"

namespace bourse::connector {
namespace {

// Waiting is worth it: the market is away for a moment, not against us.
bool passing(const Error& error) { return error.outcome() != Outcome::rejected; }

class Joining {
 public:
  Joining(const JoinOptions& options, const std::function<void(const std::string&)>& say, const std::function<bool(Duration)>& sleep, const Clock& clock)
      : options_(options), say_(say), sleep_(sleep), clock_(clock) {}

  // Until people have admitted us.
  Result<ConnectorId> admission(MembershipPort& desk, const federation::JoinBundle& bundle, const ConnectorKeys& keys) {
    TRY(const Joined first, join(desk, bundle, keys));
    if (first.admitted) return first.connector;
    say_(fmt::format("{} knows this connector as {} now. Before it may sell, the market's operator compares this fingerprint with you (read it out to\n"
                     "him; don't send it the way the bundle came):\n\n  {}\n",
                     bundle.audience, bundle.center_name,
                     federation::shown_fingerprint(federation::keys_fingerprint(keys.identity.public_key, keys.billing.public_key))));
    if (!options_.wait) return later("it has not been admitted yet");
    say_("Waiting for the operator. Ctrl-C does no harm: the same command goes on from here.");
    const Instant end = clock_.now() + options_.patience;
    while (clock_.now() < end) {
      if (!sleep_(options_.poll)) return later("it has not been admitted yet");
      const auto now = join(desk, bundle, keys);
      if (now && now->admitted) return now->connector;
      if (!now && !passing(now.error())) return std::unexpected(now.error());
    }
    return later("nobody has admitted it in a day");
  }

 private:
  std::unexpected<Error> later(const std::string& why) const {
    return fail(ErrorCode::failed_precondition, why + "; go on with: bourse-connector join --dir " + options_.directory);
  }

  const JoinOptions& options_;
  const std::function<void(const std::string&)>& say_;
  const std::function<bool(Duration)>& sleep_;
  const Clock& clock_;
};

}  // namespace

Status run_join(const JoinOptions& options, const std::function<std::unique_ptr<MembershipPort>(const federation::JoinBundle&)>& desk,
                const std::function<void(const std::string&)>& say, const std::function<bool(Duration)>& sleep, const Clock& clock, Rng& rng) {
  TRY(const ConnectorKeys keys, make_keys(options.directory, rng));
  auto given = options.bundle_json.empty() ? load_bundle(options.directory) : adopt_bundle(options.bundle_json, options.directory);
  if (!given && given.error().code == ErrorCode::not_found)
    return fail(ErrorCode::invalid_argument, "name the bundle that the market's operator made: bourse-connector join BUNDLE --dir " + options.directory);
  TRY(const federation::JoinBundle bundle, std::move(given));
  if (const auto already = load_credentials(options.directory); already && already->generation > 0) {
    say(fmt::format("This is {} of {} already; its certificate is renewed by itself.", bundle.center_name, bundle.audience));
    return {};
  }
  const auto port = desk(bundle);
  TRY(const ConnectorId connector, Joining(options, say, sleep, clock).admission(*port, bundle, keys));
  TRY(const Credentials first, certify(*port, bundle, keys, {.connector = connector, .tls_key_pem = {}, .certificate_pem = {}}, clock.now()));
  CHECK_OK(save(first, options.directory));
  say(fmt::format("Admitted: {} sells at {}. Describe your scheduler in {}/connector.toml (connector.example.toml explains every key), then\n"
                  "  bourse-connector doctor --dir {}\n  bourse-connector run --dir {}",
                  bundle.center_name, bundle.audience, options.directory, options.directory, options.directory));
  return {};
}

}  // namespace bourse::connector
