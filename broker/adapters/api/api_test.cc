// The pure parts of the edge: codes, callers, keys, texts, words.
#include <gtest/gtest.h>

#include <atomic>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/grpc_status.h"
#include "broker/adapters/api/workers.h"

namespace bourse::broker::api {
namespace {

TEST(GrpcStatus, EveryCodeHasAStatusThatIsNotOk) {
#define BOURSE_ERROR(number, name, outcome, http, grpc_number, exit, sentence, remedy) \
  EXPECT_EQ(static_cast<int>(grpc_code(ErrorCode::name)), grpc_number);                \
  EXPECT_GE(grpc_number, 1);                                                           \
  EXPECT_LE(grpc_number, 16);
#include "base/error_table.inc"
#undef BOURSE_ERROR
}

TEST(GrpcStatus, TheTrailerCarriesTheCodeAndABoundedDetail) {
  v1::Problem problem;
  ASSERT_TRUE(problem.ParseFromString(problem_trailer({ErrorCode::insufficient_funds, std::string(100'000, 'x')})));
  EXPECT_EQ(problem.code(), "insufficient_funds");
  EXPECT_LE(problem.detail().size(), 2'000u);
  std::string wide = "x";
  while (wide.size() < 3'000) wide += "磁";
  ASSERT_TRUE(problem.ParseFromString(problem_trailer({ErrorCode::conflict, wide})));
  EXPECT_EQ(problem.detail(), wide.substr(0, 1'999));
}

v1::Principal principal(const std::vector<std::string>& roles) {
  SeededRng rng(1);
  v1::Principal out;
  out.set_user(to_text(UserId::make({1}, rng)));
  out.set_tenant(to_text(TenantId::make({1}, rng)));
  for (const std::string& role : roles) out.add_roles(role);
  return out;
}

TEST(Caller, KnowsItsRolesAndNoOthers) {
  const auto caller = caller_of(principal({"user", "finance", "root", ""}));
  ASSERT_TRUE(caller);
  EXPECT_TRUE(caller->has(Role::user));
  EXPECT_TRUE(caller->has(Role::finance));
  EXPECT_FALSE(caller->has(Role::operator_));
  EXPECT_TRUE(require(*caller, {Role::operator_, Role::finance}));
  const Status refused = require(*caller, {Role::operator_});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::forbidden);
  EXPECT_NE(refused.error().detail.find("operator"), std::string::npos);
}

TEST(Caller, WithoutIdsIsNobody) {
  EXPECT_EQ(caller_of(v1::Principal{}).error().code, ErrorCode::unauthenticated);
  v1::Principal swapped = principal({"operator"});
  swapped.set_user(swapped.tenant());
  EXPECT_EQ(caller_of(swapped).error().code, ErrorCode::unauthenticated);
}

TEST(Key, IsScopedByThePerson) {
  const Caller caller = *caller_of(principal({}));
  EXPECT_EQ(*scoped_key(caller, "k"), to_text(caller.user) + "/k");
  EXPECT_LE(scoped_key(caller, std::string(255, 'k'))->size(), kMaxKey);
  for (const std::string& bad : {std::string(), std::string(256, 'k'), std::string("a\nb"), std::string("\xC3\xA4")}) EXPECT_FALSE(scoped_key(caller, bad));
}

TEST(Fingerprint, IsOfTheRequestAndNotOfWhoSentIt) {
  v1::SubmitRequest request;
  request.set_key("k");
  request.mutable_spec()->set_name("a");
  const std::uint64_t first = fingerprint("Submit", request);
  *request.mutable_principal() = principal({"user"});
  EXPECT_EQ(fingerprint("Submit", request), first);
  EXPECT_NE(fingerprint("Quote", request), first);
  request.mutable_spec()->set_name("b");
  EXPECT_NE(fingerprint("Submit", request), first);
}

TEST(Text, ControlAndDirectionCharactersAreRefused) {
  EXPECT_TRUE(check_text("f", "原子 – Ångström", 100));
  EXPECT_TRUE(check_text("f", "", 100, true));
  EXPECT_FALSE(check_text("f", "", 100));
  EXPECT_FALSE(check_text("f", "abc", 2));
  for (const char* bad : {"a\nb", "a\x7f", "\xE2\x80\xAE", "x\xE2\x81\xA6y", "\xC2\x85"}) EXPECT_FALSE(check_text("f", bad, 100)) << bad;
}

TEST(Words, DurationsReadWell) {
  EXPECT_EQ(plain_duration(milliseconds(1)), "1 s");
  EXPECT_EQ(plain_duration(seconds(90)), "90 s");
  EXPECT_EQ(plain_duration(minutes(80)), "80 min");
  EXPECT_EQ(plain_duration(minutes(150)), "2 h 30 min");
  EXPECT_EQ(plain_duration(hours(50)), "2 d 2 h");
}

TEST(Prices, AreReadByQuantityOrTicks) {
  v1::PriceRow row;
  row.set_meter("core_ms");
  row.set_price("0.36");
  row.set_per("core-hour");
  row.set_unit("CNY");
  const auto read = read_price(row, {});
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->per, 3'600'000);
  v1::PriceRow shown;
  fill(shown, *read);
  EXPECT_EQ(shown.per(), "core-hour");
  EXPECT_EQ(shown.price(), "0.36");
  row.set_per_ticks(7);
  EXPECT_FALSE(read_price(row, {}));
  row.clear_per();
  EXPECT_EQ(read_price(row, {})->per, 7);
  row.set_price("1e3");
  EXPECT_FALSE(read_price(row, {}));
}

TEST(Workers, RefuseWhatDoesNotFitAndFinishWhatDoes) {
  Workers workers(1, 2);
  std::mutex gate;
  std::atomic<int> ran = 0;
  std::unique_lock closed(gate);
  const auto task = [&] {
    const std::scoped_lock wait(gate);
    ++ran;
  };
  int taken = 0;
  for (int i = 0; i < 10; ++i) taken += workers.run(task) ? 1 : 0;
  EXPECT_GE(taken, 2);
  EXPECT_LE(taken, 3);
  closed.unlock();
  workers.stop();
  EXPECT_EQ(ran, taken);
  EXPECT_EQ(workers.run(task).error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace bourse::broker::api
