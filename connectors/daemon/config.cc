#include "connectors/daemon/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace bourse::connector {
namespace {

// A table that remembers which keys were asked for, and its first error.
class Reader {
 public:
  Reader(const toml::table* table, std::string where, std::optional<Error>& error) : table_(table), where_(std::move(where)), error_(error) {}

  void text(const char* key, std::string& out) { value(key, out, "a text"); }
  void flag(const char* key, bool& out) { value(key, out, "true or false"); }
  void number(const char* key, std::int64_t& out, std::int64_t least, std::int64_t most) {
    value(key, out, "a whole number");
    if (table_ != nullptr && table_->contains(key) && (out < least || out > most))
      wrong(key, "from " + std::to_string(least) + " to " + std::to_string(most));
  }
  void duration(const char* key, Duration& out, std::int64_t unit_ms) {
    std::int64_t n = out.ms / unit_ms;
    number(key, n, 0, 366 * 86'400'000LL / unit_ms);
    if (table_ != nullptr && table_->contains(key)) out = milliseconds(n * unit_ms);
  }
  void texts(const char* key, std::vector<std::string>& out) {
    const toml::node* node = seen(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong(key, "expected a list of texts");
    for (const toml::node& element : *array) {
      const auto entry = element.value_exact<std::string>();
      if (!entry) return wrong(key, "expected a list of texts");
      out.push_back(*entry);
    }
  }
  // A table of texts under names of its own.
  void texts(const char* key, std::map<std::string, std::string>& out) {
    Reader inner = table(key);
    for (const std::string& each : inner.keys()) inner.text(each.c_str(), out[each]);
  }
  Reader table(const char* key) {
    const toml::node* node = seen(key);
    if (node != nullptr && !node->is_table()) wrong(key, "expected a table");
    return {node == nullptr ? nullptr : node->as_table(), name(key), error_};
  }
  std::vector<Reader> tables(const char* key) {
    std::vector<Reader> result;
    const toml::node* node = seen(key);
    if (node == nullptr) return result;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong(key, "expected tables"), result;
    for (const toml::node& element : *array) {
      if (!element.is_table()) return wrong(key, "expected tables"), result;
      result.emplace_back(element.as_table(), name(key), error_);
    }
    return result;
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> result;
    if (table_ == nullptr) return result;
    for (const auto& [key, node] : *table_) result.emplace_back(key.str());
    return result;
  }
  bool present() const { return table_ != nullptr; }
  // After everything was asked for.
  void no_more() {
    for (const std::string& key : keys())
      if (!asked_.contains(key)) wrong(key, "there is no such key");
  }
  void wrong(const std::string& key, const std::string& why) {
    if (!error_) error_ = Error{ErrorCode::invalid_argument, name(key) + ": " + why};
  }

 private:
  std::string name(const std::string& key) const { return where_.empty() ? key : where_ + "." + key; }
  const toml::node* seen(const std::string& key) {
    asked_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  template <class T>
  void value(const char* key, T& out, const char* kind) {
    const toml::node* node = seen(key);
    if (node == nullptr) return;
    if (const auto found = node->value_exact<T>()) out = *found;
    else wrong(key, std::string("expected ") + kind);
  }

  const toml::table* table_;
  std::string where_;
  std::optional<Error>& error_;
  std::set<std::string> asked_;
};

void read_scow(Reader& in, DriverConfig& out) {
  in.text("address", out.address);
  in.text("account", out.account);
  in.text("owner", out.owner);
  in.text("house", out.house);
  in.text("flavour", out.flavour);
  in.text("arch", out.arch);
  in.duration("max_walltime_minutes", out.max_walltime, 60'000);
  Reader tls = in.table("tls");
  tls.text("ca", out.tls_ca);
  tls.text("certificate", out.tls_certificate);
  tls.text("key", out.tls_key);
  tls.text("server_name", out.tls_server_name);
  tls.no_more();
  if (out.address.empty()) in.wrong("address", "where is the scheduler adapter? host:port");
  if (out.account.empty()) in.wrong("account", "a house account is needed");
  if (out.house != "as-it-is" && out.house != "open" && out.house != "blocked")
    in.wrong("house", "expected \"as-it-is\", \"open\" or \"blocked\"");
  if (!out.flavour.empty() && out.flavour != "slurm" && out.flavour != "crane")
    in.wrong("flavour", "expected \"slurm\" or \"crane\"");
  if (out.max_walltime < minutes(1)) in.wrong("max_walltime_minutes", "at least 1");
  if (tls.present() && out.tls_ca.empty()) in.wrong("tls", "it needs the ca that the adapter's certificate is of");
  if (out.tls_certificate.empty() != out.tls_key.empty()) in.wrong("tls", "certificate and key belong together");
}

void read_kubernetes(Reader& in, DriverConfig& out) {
  in.text("kubeconfig", out.kubeconfig);
  in.text("context", out.context);
  in.text("address", out.address);
  in.text("token_file", out.token_file);
  in.text("namespace", out.name_space);
  in.text("image", out.image);
  in.text("service_account", out.service_account);
  in.text("claim", out.claim);
  in.number("scratch_mib", out.scratch_mib, 1, 1'000'000'000);
  in.duration("max_walltime_minutes", out.max_walltime, 60'000);
  in.duration("start_minutes", out.start_allowance, 60'000);
  in.duration("keep_days", out.keep, 86'400'000);
  in.texts("qos", out.qos);
  Reader tls = in.table("tls");
  tls.text("ca", out.tls_ca);
  tls.text("certificate", out.tls_certificate);
  tls.text("key", out.tls_key);
  tls.text("server_name", out.tls_server_name);
  tls.no_more();
  for (Reader& table : in.tables("pools")) {
    DriverConfig::Pool& p = out.pools.emplace_back();
    table.text("name", p.name);
    table.text("image", p.image);
    table.text("gpu_resource", p.gpu_resource);
    table.text("gpu_model", p.gpu_model);
    table.texts("nodes", p.selector);
    table.texts("tolerations", p.tolerations);
    table.duration("max_walltime_minutes", p.max_walltime, 60'000);
    if (p.name.empty()) table.wrong("name", "a pool needs a name");
    if (p.image.empty() && out.image.empty()) table.wrong("image", "neither this pool nor the driver has an image");
    table.no_more();
  }
  if (out.pools.empty()) in.wrong("pools", "at least one pool: [[driver.pools]]");
  if (!out.kubeconfig.empty() && !out.address.empty()) in.wrong("address", "either this or a kubeconfig");
  if (!out.kubeconfig.empty() && tls.present()) in.wrong("tls", "the kubeconfig has that");
  if (out.tls_certificate.empty() != out.tls_key.empty()) in.wrong("tls", "certificate and key belong together");
  if (out.max_walltime < minutes(1)) in.wrong("max_walltime_minutes", "at least 1");
  if (out.keep < hours(24)) in.wrong("keep_days", "at least 1");
}

void read_driver(Reader in, DriverConfig& out) {
  in.text("kind", out.kind);
  if (out.kind == "slurm") {
    in.text("slurm_conf", out.slurm_conf);
    in.text("bin_directory", out.bin_directory);
    in.text("account", out.account);
  } else if (out.kind == "scow") {
    read_scow(in, out);
  } else if (out.kind == "kubernetes") {
    read_kubernetes(in, out);
  } else if (out.kind == "local") {
    in.text("shim", out.shim);
    const auto pool = [](Reader& table, const char* name_key) {
      DriverConfig::Pool p;
      table.text(name_key, p.name);
      table.number("cores", p.cores, 1, 100'000);
      table.number("mem_mib", p.mem_mib, 1, 1'000'000'000);
      table.duration("max_walltime_minutes", p.max_walltime, 60'000);
      if (p.name.empty()) table.wrong(name_key, "a pool needs a name");
      return p;
    };
    std::vector<Reader> pools = in.tables("pools");
    if (pools.empty()) out.pools.push_back(pool(in, "pool"));
    for (Reader& table : pools) {
      out.pools.push_back(pool(table, "name"));
      table.no_more();
    }
  } else {
    in.wrong("kind", "expected \"slurm\", \"scow\", \"kubernetes\" or \"local\"");
  }
  in.no_more();
}

void read_identity(Reader in, IdentityConfig& out) {
  in.texts("pool", out.pool);
  in.text("pattern", out.pattern);
  in.text("scheduler_account", out.scheduler_account);
  for (Reader& row : in.tables("map")) {
    IdentityConfig::Row& r = out.table.emplace_back();
    row.text("tenant", r.tenant);
    row.text("account", r.billing_account);
    row.text("user", r.user);
    row.text("local", r.local);
    row.text("scheduler_account", r.scheduler_account);
    if (r.local.empty()) row.wrong("local", "a row needs a local user");
    row.no_more();
  }
  if (out.pool.empty() && out.pattern.empty() && out.table.empty())
    in.wrong("pool", "no local user is named here, so no job could run");
  in.no_more();
}

void read_times(Reader& terms, pricing::SellingRule& rule) {
  std::vector<std::string> hours;
  terms.texts("hours", hours);
  for (const std::string& text : hours) {
    const auto window = pricing::parse_hours(text);
    if (!window) return terms.wrong("hours", window.error().detail);
    rule.hours.push_back(*window);
  }
  terms.text("zone", rule.zone);
  std::string closes;
  terms.text("closes", closes);
  if (closes.empty()) return;
  const auto at = parse_instant(closes);
  if (!at) return terms.wrong("closes", "an instant is written as 2026-12-24T18:00:00Z");
  rule.closes = *at;
}

// { core-hour = "0.05", gpu-hour = "2", currency = "CNY" }
void read_floor(Reader& terms, pricing::SellingRule& rule) {
  std::map<std::string, std::string> prices;
  terms.texts("floor", prices);
  const auto currency = prices.extract("currency");
  const auto unit = parse_unit(currency.empty() ? "CNY" : currency.mapped());
  if (!unit) return terms.wrong("floor.currency", unit.error().detail);
  for (const auto& [quantity, price] : prices) {
    const auto value = parse_decimal(price);
    const auto meter = std::ranges::find_if(pricing::kHeldMeters, [&](pricing::Meter m) { return pricing::ticks_per(m, quantity).has_value(); });
    if (meter == pricing::kHeldMeters.end()) return terms.wrong("floor." + quantity, "a quantity is core-hour, gpu-hour, node-hour or gib-hour");
    if (!value) return terms.wrong("floor." + quantity, "a price is a text as \"0.05\"");
    rule.floor.push_back({.meter = *meter, .price = *value, .per = *pricing::ticks_per(*meter, quantity), .unit = *unit});
  }
}

void read_sell(Reader in, SellConfig& out) {
  for (const std::string& pool : in.keys()) {
    Reader terms = in.table(pool.c_str());
    PoolTerms& t = out.pools[pool];
    std::int64_t speed = t.speed_milli;
    terms.number("speed_milli", speed, 1, 1'000'000);
    t.speed_milli = static_cast<std::int32_t>(speed);
    terms.text("gpu_model", t.gpu_model);
    pricing::SellingRule& rule = t.rule;
    terms.number("max_nodes", rule.nodes, 0, 100'000);
    terms.number("max_cores", rule.cores, 0, 30'000'000);
    terms.number("max_cards", rule.gpus, 0, 30'000'000);
    terms.duration("max_walltime_minutes", rule.max_walltime, 60'000);
    terms.flag("paused", rule.paused);
    read_times(terms, rule);
    read_floor(terms, rule);
    if (const auto good = pricing::check_rule(rule); !good) terms.wrong("hours", good.error().detail);
    terms.no_more();
  }
}

}  // namespace

Result<DaemonConfig> parse_config(const std::string& text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& e) {
    std::ostringstream where;
    where << name << ", line " << e.source().begin.line << ": " << e.description();
    return fail(ErrorCode::invalid_argument, where.str());
  }
  DaemonConfig config;
  std::optional<Error> error;
  Reader in(&table, "", error);
  read_driver(in.table("driver"), config.driver);
  read_identity(in.table("identity"), config.identity);
  // Its queue is asked by user, and a job's absence is only believed of a queue that was asked for its user.
  if (config.driver.kind == "scow" && !config.identity.pattern.empty())
    in.wrong("identity.pattern", "an adapter's queue is asked by user, so with kind = \"scow\" local users are named: in pool or map");
  read_sell(in.table("sell"), config.sell);
  Reader report = in.table("report");
  report.duration("poll_ms", config.poll, 1);
  report.duration("pools_seconds", config.pools, 1000);
  report.duration("usage_seconds", config.usage, 1000);
  report.no_more();
  Reader jobs = in.table("jobs");
  jobs.text("directory", config.jobs_directory);
  jobs.number("max_held", config.max_held, 1, 50'000);
  jobs.duration("lost_after_minutes", config.lost_after, 60'000);
  jobs.number("file_gib", config.file_gib, 1, 8'192);
  jobs.number("files_gib", config.files_gib, 1, 1'000'000);
  jobs.number("log_kib", config.log_kib, 0, 65'536);
  jobs.no_more();
  Reader link = in.table("link");
  link.duration("retry_seconds", config.retry, 1000);
  link.no_more();
  in.no_more();
  if (config.poll < milliseconds(100)) in.wrong("report.poll_ms", "at least 100");
  if (config.retry < seconds(1) || config.retry > minutes(10)) in.wrong("link.retry_seconds", "1 to 600");
  if (config.lost_after < minutes(1)) in.wrong("jobs.lost_after_minutes", "at least 1");
  if (error) return fail(error->code, name + ": " + error->detail);
  return config;
}

Result<DaemonConfig> read_config(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, path + ": write it first; see connector.example.toml");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), path);
}

}  // namespace bourse::connector
