#include "gateway/api/json_message.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bourse/market/v1/market.pb.h"

namespace bourse::gateway {
namespace {

namespace v1 = market::v1;
using nlohmann::json;

template <class T>
Result<T> read(const char* text, const std::vector<std::string_view>& allowed) {
  T out;
  if (auto done = from_json(json::parse(text), allowed, out); !done) return std::unexpected(done.error());
  return out;
}

std::string refusal(const char* text) {
  const auto read_it = read<v1::SubmitRequest>(text, {"account", "spec", "quote"});
  return read_it ? "taken" : read_it.error().detail;
}

TEST(JsonOut, names_times_money_and_counts) {
  v1::Job job;
  job.set_id("job_1");
  job.set_submitted_ms(1'795'250'000'250);
  job.mutable_held()->set_amount("1.25");
  job.mutable_held()->set_unit("CNY");
  job.mutable_spec()->set_walltime_ms(60'000);
  job.set_position(18446744073709551615U);
  const json out = json::parse(to_json(job).dump());
  EXPECT_EQ(out["submitted_at"], "2026-11-21T08:33:20.250Z");
  EXPECT_FALSE(out.contains("started_at"));
  EXPECT_FALSE(out.contains("submitted_ms"));
  EXPECT_EQ(out["held"], (json{{"amount", "1.25"}, {"currency", "CNY"}}));
  EXPECT_FALSE(out.contains("charged"));
  EXPECT_EQ(out["spec"]["walltime_ms"], 60'000);
  EXPECT_FALSE(out["spec"].contains("script"));
  EXPECT_EQ(out["position"].get<std::uint64_t>(), 18446744073709551615U);
  v1::Wallet wallet;
  wallet.set_unit("CNY");
  v1::Invitation invitation;
  invitation.set_joined_ms(1'795'250'000'250);
  EXPECT_EQ(to_json(invitation)["joined_at"], "2026-11-21T08:33:20.250Z");
  EXPECT_FALSE(to_json(invitation).contains("expires_at"));
  v1::Center center;
  EXPECT_FALSE(to_json(center).contains("certificate_until"));
  center.set_certificate_until_ms(1'795'250'000'250);
  EXPECT_EQ(to_json(center)["certificate_until"], "2026-11-21T08:33:20.250Z");
  EXPECT_EQ(to_json(wallet)["currency"], "CNY");
  v1::UnitTotal total;
  EXPECT_TRUE(to_json(total).contains("unit"));
}

TEST(JsonIn, reads_what_it_writes) {
  const auto request = read<v1::SubmitRequest>(
      R"({"account":"acc_1","spec":{"name":"a","script":"#!/bin/sh\necho 度\n","cores":9007199254740993,"deadline":"2026-11-21T08:33:20.250Z","walltime_ms":1}})",
      {"account", "spec", "quote"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->account(), "acc_1");
  EXPECT_EQ(request->spec().script(), "#!/bin/sh\necho 度\n");
  EXPECT_EQ(request->spec().cores(), 9007199254740993);
  EXPECT_EQ(request->spec().deadline_ms(), 1'795'250'000'250);
  const auto funding = read<v1::FundAccountRequest>(R"({"money":{"amount":"5","currency":"CNY"}})",
                                                    {"account", "money", "bank_reference"});
  ASSERT_TRUE(funding);
  EXPECT_EQ(funding->money().unit(), "CNY");
  const auto file = read<v1::ImportBankFileRequest>(R"({"data":"00fF"})", {"data"});
  ASSERT_TRUE(file);
  EXPECT_EQ(file->data(), std::string("\x00\xFF", 2));
}

TEST(JsonIn, tells_zero_from_nothing) {
  const auto request = read<v1::SubmitRequest>(R"({"spec":{"gpus":0},"directives":{"skip_unknown":true,"sbatch_options":["-n","2"]}})", {"spec", "directives"});
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->spec().has_gpus());
  EXPECT_FALSE(request->spec().has_cores() || request->spec().has_name() || request->spec().has_walltime_ms());
  EXPECT_TRUE(request->directives().skip_unknown());
  EXPECT_EQ(request->directives().sbatch_options_size(), 2);
}

TEST(JsonIn, refuses_names_that_are_not_here) {
  EXPECT_EQ(refusal(R"({"spec":{"core":1}})"), "spec.core: there is no such field here");
  for (const char* text : {R"({"principal":{"user":"usr_2"}})", R"({"key":"k"})", R"({"spec":{"deadline_ms":1}})",
                           R"({"spec":{"role":"operator"}})", R"({"tenant_id":"x"})", R"({"Account":"a"})", R"({"":1})",
                           R"({"spec":{"__proto__":1}})"})
    EXPECT_NE(refusal(text), "taken") << text;
  const auto prices = [](const char* text) { return read<v1::PublishPricesRequest>(text, {"rows"}); };
  EXPECT_TRUE(prices(R"({"rows":[{"meter":"core_ms"}]})"));
  EXPECT_EQ(prices(R"({"rows":[{"meter":"core_ms"},{"id":"prc_1"}]})").error().detail,
            "rows[1].id: there is no such field here");
  EXPECT_FALSE(read<v1::PublishPricesRequest>(R"({"discounts":[{"id":"prc_1"}]})", {"rows", "discounts"}));
  EXPECT_TRUE(read<v1::PublishPricesRequest>(R"({"discounts":[{"name":"summer","bps":10}]})", {"rows", "discounts"}));
  EXPECT_FALSE(read<v1::SetContractRequest>(R"({"contract":{"id":"ctc_1"}})", {"contract"}));
}

TEST(JsonIn, refuses_values_of_another_type) {
  for (const char* text : {"[]",
                           "1",
                           "null",
                           R"({"account":1})",
                           R"({"account":null})",
                           R"({"account":["a"]})",
                           R"({"spec":[]})",
                           R"({"spec":"x"})",
                           R"({"spec":null})",
                           R"({"spec":{"cores":"1"}})",
                           R"({"spec":{"cores":1.0}})",
                           R"({"spec":{"cores":1e3}})",
                           R"({"spec":{"cores":true}})",
                           R"({"spec":{"cores":-0.0}})",
                           R"({"spec":{"nodes":0}})",
                           R"({"spec":{"nodes":-0}})",
                           R"({"spec":{"cores":0}})",
                           R"({"spec":{"walltime_ms":"UNLIMITED"}})",
                           R"({"spec":{"cores":null}})",
                           R"({"spec":{"cores":9223372036854775808}})",
                           R"({"spec":{"cores":18446744073709551616}})",
                           R"({"spec":{"deadline":1795250000}})",
                           R"({"spec":{"deadline":"tomorrow"}})",
                           R"({"spec":{"deadline":"1960-01-01T00:00:00Z"}})",
                           R"({"spec":{"budget":5}})",
                           R"({"spec":{"name":"a\nb"}})",
                           R"({"spec":{"name":"a\u0000"}})",
                           R"({"spec":{"script":"a\u0000b"}})",
                           R"({"account":"a\u007f"})"})
    EXPECT_NE(refusal(text), "taken") << text;
  EXPECT_EQ(refusal(R"({"spec":{"nodes":0}})"), "spec.nodes: expected an integer from 1");
  EXPECT_EQ(refusal(R"({"spec":{"nodes":1,"gpus":0}})"), "taken");
  EXPECT_FALSE(read<v1::SetContractRequest>(R"({"contract":{"tax_bps":2147483648}})", {"contract"}));
  EXPECT_FALSE(read<v1::ImportBankFileRequest>(R"({"data":"0"})", {"data"}));
  EXPECT_FALSE(read<v1::ImportBankFileRequest>(R"({"data":"0g"})", {"data"}));
  EXPECT_FALSE(read<v1::PublishPricesRequest>(R"({"rows":{}})", {"rows"}));
  EXPECT_FALSE(read<v1::PublishPricesRequest>(R"({"rows":[1]})", {"rows"}));
}

TEST(JsonIn, bounds_sizes) {
  const std::string long_name = R"({"spec":{"name":")" + std::string(17'000, 'a') + "\"}}";
  EXPECT_EQ(refusal(long_name.c_str()), "spec.name is too long");
  const std::string long_script = R"({"spec":{"script":")" + std::string(1024 * 1024 + 1, 'a') + "\"}}";
  EXPECT_EQ(refusal(long_script.c_str()), "spec.script is too long");
  json rows{{"rows", json::array_t(1001, json::object())}};
  EXPECT_EQ(read<v1::PublishPricesRequest>(rows.dump().c_str(), {"rows"}).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace bourse::gateway
